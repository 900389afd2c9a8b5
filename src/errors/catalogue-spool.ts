// Codes of `src/spool`. An entry that cannot be read is STATE-DAMAGED or STATE-NEWER, like all state on disk.

import type { Entry } from './entry.ts';

export const SPOOL_CODES = {
  'SPOOL-FULL': {
    text: '{dir} is full. Waiting entries: {count} of at most {entries}, with {bytes:size} of at most {limit:size}. {key} was not accepted.',
    check: 'Find out why nothing is delivered: sallyport status shows the endpoint and the last failure.',
    class: 'system',
    retry: 'later',
  },
  'SPOOL-TOO-LARGE': {
    text: '{key} is {bytes:size} large, but an entry of the spool can have at most {limit:size}. It was not accepted.',
    check: 'This is a bug in Sallyport. Please report it with the log lines around it.',
    class: 'internal',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
