import '#test/support/built-threads.ts';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenFile, writeAll } from '#system/files.ts';
import { continueDigest, newDigest, THREAD_FROM_BYTES } from '#system/hashing/running-digest.ts';
import { realFiles } from '#system/real-files.ts';

const KEPT = Buffer.alloc(THREAD_FROM_BYTES, 7);
const REST = Buffer.alloc(9_000_000, 8);
const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

describe('running digest', () => {
  let dir: string;
  let file: OpenFile;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-digest-'));
    file = await realFiles.create(join(dir, 'staged'), 0o600);
  });
  afterEach(async () => {
    await file.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('of many kept bytes is made in a thread, which follows the growing file', async () => {
    writeAll(file, KEPT, 0);
    const digest = await continueDigest(file, KEPT.length, new AbortController().signal);
    for (let at = 0; at < REST.length; at += 3_000_000) {
      const chunk = REST.subarray(at, at + 3_000_000);
      writeAll(file, chunk, KEPT.length + at);
      digest.add(chunk);
    }

    expect(await digest.end()).toEqual({ prefix: sha256(KEPT), sha256: sha256(KEPT, REST) });
  });

  it('shows a byte that was changed on disk', async () => {
    writeAll(file, KEPT, 0);
    writeAll(file, Uint8Array.of(6), 1_000_000);
    const digest = await continueDigest(file, KEPT.length, new AbortController().signal);

    expect((await digest.end()).prefix).not.toBe(sha256(KEPT));
  });

  it('ends with the reason of its signal, and can be stopped twice', async () => {
    writeAll(file, KEPT, 0);
    const stopped = new AbortController();
    const digest = await continueDigest(file, KEPT.length, stopped.signal);
    stopped.abort(new Error('stopped'));

    await expect(digest.end()).rejects.toThrow('stopped');
    await digest.stop();
    await digest.stop();
  });

  it('of few kept bytes, and of a new file, is made in the event loop', async () => {
    writeAll(file, REST, 0);
    const digest = await continueDigest(file, REST.length, new AbortController().signal);
    digest.add(KEPT);
    const fresh = newDigest();
    fresh.add(REST);

    expect(await digest.end()).toEqual({ prefix: sha256(REST), sha256: sha256(REST, KEPT) });
    expect((await fresh.end()).sha256).toBe(sha256(REST));
  });
});
