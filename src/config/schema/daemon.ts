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
      description: 'The unix socket that commands talk to the daemon through; mode 0660.',
      allowed: 'a path of at most 100 bytes; a relative one starts at the folder of this file',
      absent: 'control.sock in the runtime directory where installed, in state/ in a checkout',
      example: '/run/sallyport/control.sock',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Daemon',
  'The process itself.',
);
