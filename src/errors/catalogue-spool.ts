// Codes of `src/spool`. An entry that cannot be read is STATE-DAMAGED or STATE-NEWER, like all state on disk.

import type { Entry } from './entry.ts';

export const SPOOL_CODES = {
  'SPOOL-FULL': {
    text: '{dir} is full. Entries: {count} (limit {entries}). Size: {bytes:size} (limit {limit:size}). Not accepted: {key:words}.',
    check: 'Find out why nothing is delivered: sallyport status shows the server and the last failure.',
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
    check: 'The entry may have been sent meanwhile. To list the entries: sallyport queue ls.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-AMBIGUOUS': {
    text: '{id} matches several entries of the queue: {entries}.',
    check: 'Use the complete name KIND/ID. To see it, run: sallyport queue ls --json.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-KIND': {
    text: '{kind} is not a kind of queue entry.',
    check: 'The kinds in use are: {known}. To list the entries: sallyport queue ls.',
    class: 'config',
    retry: 'change',
  },
  'QUEUE-REJECTED': {
    text: 'The server rejected {id}, so it is never sent again.',
    check: 'It is kept only so that you can see the reason: sallyport queue show {id}.',
    class: 'config',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
