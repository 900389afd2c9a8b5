// Codes of `src/estimate`: reading an old log for the response timeout.

import type { Entry } from './entry.ts';

export const ESTIMATE_CODES = {
  'ESTIMATE-NOTHING': {
    text: 'No download with its acknowledgement was found; lines read: {lines}, files: {files}.',
    check:
      'Name the log that tells of downloads and of their acknowledgements; --log takes several files. ' +
      'Without any evidence 300000 ms is generally sufficient.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
