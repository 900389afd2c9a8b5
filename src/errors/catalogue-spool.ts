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
    text: '{key} has {bytes:size}, but an entry of the spool can have at most {limit:size}. It was not accepted.',
    check: 'This is a bug in Sallyport. Please report it with the log lines around it.',
    class: 'internal',
    retry: 'never',
  },
  // Entries that wait (`sallyport queue`)
  'QUEUE-UNKNOWN': {
    text: 'The queue has no entry {id}.',
    check: 'It may have been sent meanwhile. To list the entries: sallyport queue ls.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-AMBIGUOUS': {
    text: '{id} fits several entries of the queue: {entries}.',
    check: 'Write the whole id, with its kind in front, as sallyport queue ls --json shows it: KIND/ID.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-KIND': {
    text: 'The queue has no kind {kind}.',
    check: 'Kinds that are in use: {known}. To list them: sallyport queue ls.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-REJECTED': {
    text: 'The server rejected {id}, so it is never sent again.',
    check: 'It is only kept for you to see why: sallyport queue show {id}.',
    class: 'config',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
