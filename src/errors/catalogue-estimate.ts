// Codes of `src/estimate`: reading an old log for the response timeout.

import type { Entry } from './entry.ts';

export const ESTIMATE_CODES = {
  'ESTIMATE-NOTHING': {
    text: 'Found no download with its acknowledgement in {lines} line{lines:s} of {files} file{files:s}.',
    check:
      'Use the log that contains downloads and their acknowledgements; --log takes several files. If no log has them, 300000 ms is generally sufficient.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
