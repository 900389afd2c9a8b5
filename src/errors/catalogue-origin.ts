// Codes of the reference server and the demo, for a vendor who builds or serves a feed with these tools.

import type { Entry } from './entry.ts';

export const ORIGIN_CODES = {
  'FEED-BUILD': {
    text: 'Cannot build the feed: {file}: {reason:words}.',
    check: 'Fix that file and build again. Nothing was written. docs/protocol.md has the rules.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'SERVE-FAILED': {
    text: 'Cannot serve {dir} at {host}:{port}: {reason:words}.',
    check: 'Check that the folder exists and can be read, and that no other program listens at that address.',
    class: 'system',
    retry: 'change',
  },
  'DEMO-UNWRITABLE': {
    text: 'The demo cannot {operation:words} {path}: {reason:words}.',
    check:
      'The demo needs a folder that this user can write to, with 100 MB free. Choose one: sallyport demo --dir FOLDER, or npm start -- --dir FOLDER.',
    class: 'system',
    retry: 'change',
  },
  'DEMO-FOLDER': {
    text: '{dir} was not created by the demo; nothing in it was changed.',
    check: 'The demo empties its folder at each start. Move the contents elsewhere, or delete them.',
    class: 'system',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
