// Section `daemon`: the process itself.

import { describeKey, section } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';

export const daemon = section(
  {
    state_dir: describeKey(path.optional(), {
      title: 'State folder',
      description: 'Folder for persistent state: journals, receipts and learned timeouts.',
      allowed: PATH_ALLOWED,
      absent: 'the state directory of the service if Sallyport is installed, state/ in a checkout',
      example: '/var/lib/sallyport',
      effect: 'restart',
      setBy: 'root',
    }),
    control_socket: describeKey(path.optional(), {
      title: 'Control socket',
      description:
        'The unix socket for commands from members of its group (mode 0660). In the same folder, operate.sock is another name of this socket, ' +
        'and look.sock is the read-only socket. If this key names the file a.sock, these two are a-operate.sock and a-look.sock.',
      allowed: PATH_ALLOWED,
      absent:
        'control.sock in state_dir in a checkout, or if a configuration file other than that of the service sets state_dir; ' +
        'in all other cases control.sock in the runtime directory',
      example: '/run/sallyport/control.sock',
      effect: 'restart',
      setBy: 'root',
    }),
    admin_socket: describeKey(path.optional(), {
      title: 'Admin socket',
      description:
        'The unix socket for commands from root and the service user (mode 0600). Some commands work only over this socket, ' +
        'for example those that run the hook or test settings that are not active.',
      allowed: PATH_ALLOWED,
      absent: 'admin.sock in the folder of control_socket, or a-admin.sock if control_socket names the file a.sock',
      example: '/run/sallyport/admin.sock',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Daemon',
  'State folder and control sockets of the daemon.',
);
