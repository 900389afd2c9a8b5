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
  'SIGNING-KEY': {
    text: 'Cannot use the key {name}: {reason:words}.',
    check: 'Run sallyport feed keys list to see the keys in this folder. docs/signing.md describes the files of a key.',
    class: 'system',
    retry: 'change',
  },
  'SIGNING-PASSPHRASE': {
    text: 'The passphrase does not open the key {name} ({path}).',
    check:
      'Enter it again, or check the file that --passphrase-file names. A lost passphrase cannot be recovered: see docs/signing.md.',
    class: 'system',
    retry: 'change',
  },
  'SIGNING-SIGNER': {
    text: 'The signer {command} failed: {reason:words}.',
    check:
      'The signer must read the bytes to sign from stdin, and write only the signature to stdout (raw, in hex or in base64). Run it by hand to see its messages.',
    class: 'system',
    retry: 'change',
  },
  'SIGNING-DRAFT': {
    text: 'The draft cannot be used: {reason:words}.',
    check: 'Nothing was published. If the draft is out of date, make it again with the same command.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
  'SIGNING-REPOSITORY': {
    text: 'Cannot add to the signed repository: {file}: {reason:words}.',
    check: 'Nothing was published. To continue, {fix:words}.',
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
