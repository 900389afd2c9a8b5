// Section `daemon`: the process itself.

import { describeKey, section } from './key.ts';
import { PATH_ALLOWED, path } from './leaves.ts';

export const daemon = section(
  {
    state_dir: describeKey(path.optional(), {
      title: 'State folder',
      description: 'Where journals, receipts and what was learnt are kept.',
      allowed: PATH_ALLOWED,
      absent: 'the state directory of the service where installed, state/ in a checkout',
      example: '/var/lib/sallyport',
      effect: 'restart',
      setBy: 'root',
    }),
    control_socket: describeKey(path.optional(), {
      title: 'Control socket',
      description:
        'The unix socket through which commands of its group talk to the daemon; mode 0660. They use secrets only as the ' +
        'settings in force do.',
      allowed: PATH_ALLOWED,
      absent:
        'control.sock: in the runtime directory for the configuration file of the service, else in state_dir where that ' +
        'is set, else in the runtime directory (in a checkout: always in state_dir)',
      example: '/run/sallyport/control.sock',
      effect: 'restart',
      setBy: 'root',
    }),
    admin_socket: describeKey(path.optional(), {
      title: 'Admin socket',
      description:
        'The unix socket for root and the user of the service; mode 0600. Only here may settings that are tried use secrets ' +
        'in another way than the settings in force.',
      allowed: PATH_ALLOWED,
      absent: 'admin.sock beside control_socket; where that has a name of its own, such as a.sock, a-admin.sock',
      example: '/run/sallyport/admin.sock',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Daemon',
  'The process itself.',
);
