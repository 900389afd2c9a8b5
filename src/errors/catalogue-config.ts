// Codes of `src/config`. A mistake in the file itself is a `Problem` with line and column; these are the heads of them.

import type { Entry } from './catalogue.ts';

export const CONFIG_CODES = {
  CONFIG: {
    text: '{file} has mistakes ({count}); nothing was started or changed.',
    check: 'Mend the lines named above, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-UNREADABLE': {
    text: 'Cannot read {file}: {reason:words}.',
    check: 'Check that the file exists and that this user may read it. The example beside it shows every key.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-EDIT': {
    text: 'Line {line} of the configuration file cannot be edited by a command ({key:key}): {reason:words}.',
    check: 'Nothing was written. Change the line by hand, then run: sallyport config check.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-CHANGED': {
    text: '{file} was changed by somebody else at the same moment; nothing was written.',
    check: 'Look at what was changed, then run the command again.',
    class: 'config',
    retry: 'later',
  },
  'CONFIG-OWNER': {
    text: '{file} belongs to user {owner} and group {group}, which this user cannot give a new file to; nothing was written.',
    check: 'Run the command as root (sudo), or as the user that the file belongs to.',
    class: 'config',
    retry: 'change',
  },
  'CONFIG-INCOMPLETE': {
    text: '{key} is not set, so {what:words}.',
    check: 'Set {key} in the configuration file.',
    class: 'config',
    retry: 'change',
  },
  'POLICY-DIRECT': {
    text: 'Going direct to {target} is not allowed: {why:words}, and {rule:words} says direct.',
    check: 'Give the purpose {purpose} a proxy in use_proxy_for, or {otherwise:words}.',
    class: 'policy',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
