// The verifiers on real archives: nothing is inflated, and only the promised bytes pass.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { realJar } from '#test/support/real-parts.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { verify } from '#updates/package/verify.ts';

const PATH = '/staging/x.jar.unverified';
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function codeFor(bytes: Uint8Array, promised: { length?: number; sha256?: string } = {}): Promise<string> {
  const files = new CrashingFiles();
  files.plantFile(PATH, bytes);
  const facts = await files.facts(PATH);
  const fetched = {
    path: PATH,
    file: { device: facts?.device ?? '', inode: facts?.inode ?? '' },
    sha256: sha256(bytes),
    length: bytes.length,
    isSynced: true,
    keptBytes: 0,
    keptSha256: null,
    usedRanges: false,
    longestSilenceMs: 0,
    via: null,
    from: null,
    source: null,
  };
  const item = { length: promised.length ?? bytes.length, sha256: promised.sha256 ?? fetched.sha256 } as FeedItem;
  try {
    await verify(files, fetched, item);
    return 'verified';
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code;
    throw thrown;
  }
}

const archive = Buffer.from(zipSync({ 'META-INF/MANIFEST.MF': Buffer.from('Manifest-Version: 1.0\n') }));

describe('verify', () => {
  it('passes a real JAR of more than 10 MB', async () => {
    const jar = await readFile(realJar());

    expect(jar.length).toBeGreaterThan(10_000_000);
    expect(await codeFor(jar)).toBe('verified');
  });

  it('passes an archive with a comment, even one that looks like an end of directory', async () => {
    const comment = Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.from('a comment that is long enough')]);
    const commented = Buffer.concat([archive, comment]);
    commented.writeUInt16LE(comment.length, archive.length - 2);

    expect(await codeFor(commented)).toBe('verified');
  });

  it('passes a zip bomb whose digest is right, and never inflates it', async () => {
    const bomb = Buffer.from(zipSync({ bomb: new Uint8Array(40_000_000) }, { level: 9 }));
    const before = process.memoryUsage().rss;

    expect(await codeFor(bomb)).toBe('verified');
    expect(process.memoryUsage().rss - before).toBeLessThan(20_000_000);
  });

  it.each([
    ['a page', Buffer.from('<html><title>Blocked</title></html>'.padEnd(100)), 'NOT-A-JAR'],
    ['an archive that was cut', archive.subarray(0, archive.length - 5), 'NOT-A-JAR'],
    ['an archive with bytes behind it', Buffer.concat([archive, Buffer.alloc(3)]), 'NOT-A-JAR'],
    ['an empty archive, which begins with its end', Buffer.from(zipSync({})), 'NOT-A-JAR'],
    ['the first bytes of an archive and nothing more', Buffer.from('504b0304', 'hex'), 'NOT-A-JAR'],
  ])('refuses %s', async (_what, bytes, code) => {
    expect(await codeFor(bytes)).toBe(code);
  });

  it('refuses another length or another digest than the feed promised', async () => {
    expect(await codeFor(archive, { length: archive.length + 1 })).toBe('NOT-A-JAR');
    expect(await codeFor(archive, { sha256: 'f'.repeat(64) })).toBe('DIGEST-MISMATCH');
  });
});
