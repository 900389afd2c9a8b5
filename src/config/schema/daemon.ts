// Section `daemon`: the process itself.

import { describeKey, judgedText, section } from './key.ts';
import { judgePath } from './values.ts';

export const daemon = section(
  {
    state_dir: describeKey(judgedText(judgePath).optional(), {
      title: 'State folder',
      description: 'Where journals, receipts and what was learnt are kept.',
      allowed: 'a path; a relative one starts at the folder of this file',
      absent: 'the state directory of the service where installed, state/ in a checkout',
      effect: 'restart',
      setBy: 'root',
    }),
    control_socket: describeKey(judgedText(judgePath).optional(), {
      title: 'Control socket',
      description: 'The unix socket that commands talk to the daemon through; mode 0660.',
      allowed: 'a path of at most 100 bytes; a relative one starts at the folder of this file',
      absent: 'control.sock in the runtime directory where installed, in state/ in a checkout',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Daemon',
  'The process itself.',
);
