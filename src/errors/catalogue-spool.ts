// Codes of `src/spool`. An entry that can't be read is STATE-DAMAGED or STATE-NEWER, as every state on disk.

import type { Entry } from './entry.ts';

export const SPOOL_CODES = {
  'SPOOL-FULL': {
    text: '{dir} is full: {count} of at most {entries} entries and {bytes:size} of at most {limit:size} wait to be sent. {key} was not accepted.',
    check: 'Find out why nothing is delivered: status shows the endpoint and the last failure.',
    class: 'system',
    retry: 'later',
  },
  'SPOOL-TOO-LARGE': {
    text: '{key} has {bytes:size}; the spool takes at most {limit:size} in one entry. It was not accepted.',
    check: 'This is a defect of Sallyport. Please report it with the lines around it.',
    class: 'internal',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
