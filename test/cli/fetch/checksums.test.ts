import { describe, expect, it } from 'vitest';
import { findDigest } from '#cli/fetch/checksums.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

describe('checksums', () => {
  it.each([
    ['the form of sha256sum', `${A}  tool.tar\n${B}  other\n`, A],
    ['binary mode and a folder', `${B} *./other\r\n${A} *dist/tool.tar\r\n`, A],
    ['the tagged form', `SHA256 (other) = ${B}\nSHA256 (tool.tar) = ${A.toUpperCase()}\n`, A],
    ['a digest alone', `${B}\n`, B],
    ['comments around the lines', `# made by hand\n\n${A}  tool.tar\n`, A],
  ])('checksums: the digest is found in %s', (_form, text, sha256) => {
    expect(findDigest(text, ['tool.tar'])).toEqual({ ok: true, sha256 });
  });

  it.each([
    ['names only other files', `${A}  other\n`, 'no line names it'],
    ['has no digest', 'tool.tar\n', 'it has no SHA-256'],
    ['has two digests for it', `${A}  tool.tar\n${B}  tool.tar\n`, 'several lines name it, with different digests'],
    ['has two digests and no name', `${A}\n${B}\n`, 'no line names it'],
  ])('checksums: nothing is found in a list that %s', (_what, text, reason) => {
    expect(findDigest(text, ['tool.tar'])).toEqual({ ok: false, reason });
  });
});
