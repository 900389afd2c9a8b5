// Section `control`: which users may send which requests to the sockets of the daemon.

import { describeKey, section, validatedText } from './key.ts';

/** The names that useradd(8) and most directories allow; winbind and sssd use `DOMAIN\group` and `group@domain`. */
const GROUP = /^[A-Za-z0-9_][A-Za-z0-9_. @\\-]{0,254}$/;

const validateGroup = (text: string) =>
  GROUP.test(text) && text.trim() === text
    ? null
    : 'A group name may contain letters, digits, spaces, dots, dashes, underscores, @ and backslashes.';

export const control = section(
  {
    operate_group: describeKey(validatedText(validateGroup).optional(), {
      title: 'Operate group',
      description:
        'The group whose members may start checks and operate the daemon (operate.sock). Members of the service group then have ' +
        'read-only access (look.sock). The service user must be a member of this group.',
      allowed: 'the name or the number (GID) of a group',
      absent: 'the group of the service',
      example: 'sallyport-operators',
      effect: 'restart',
      setBy: 'root',
    }),
  },
  'Control',
  'Which users may do what through the sockets of the daemon.',
);
