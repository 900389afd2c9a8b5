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
