// Codes of `src/estimate`: reading an old log for the response timeout.

import type { Entry } from './entry.ts';

export const ESTIMATE_CODES = {
  'ESTIMATE-NOTHING': {
    text: 'Found no complete download in {lines} line{lines:s} of {files} file{files:s}: no download has both a start line and a later acknowledgement line.',
    check:
      'Use a log that has such lines; --log accepts several files. If there is no such log, set response_timeout.base_ms to 300000, which is generally sufficient.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
