import { describe, expect, it } from 'vitest';
import { textOf } from '#test/support/bundle-rig.ts';
import { archiveFormat } from '#uploads/bundle/contents/archive.ts';
import type { ArchiveEntry, PackedFile } from '#uploads/bundle/contents/archive-types.ts';

const FORMATS = ['tar.zst', 'zip'] as const;

async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  // One buffer for all pieces, as the contract allows.
  const buffer = Buffer.alloc(size);
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(buffer, 0, at, at + size);
    yield buffer.subarray(0, length);
    await Promise.resolve();
    buffer.fill(0);
  }
}

function entry(name: string, text: string, modifiedMs = 1_790_000_000_999): ArchiveEntry {
  return { name, size: Buffer.byteLength(text), modifiedMs, open: () => pieces(text, 60_000) };
}

async function pack(format: (typeof FORMATS)[number], entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of archiveFormat(format).pack(entries)) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

function read(format: (typeof FORMATS)[number], bytes: Buffer): AsyncIterable<PackedFile> {
  return archiveFormat(format).read({
    length: bytes.length,
    open: async function* (offset) {
      for (let at = offset; at < bytes.length; at += 50_000) {
        await Promise.resolve();
        yield bytes.subarray(at, at + 50_000);
      }
    },
  });
}

describe.each(FORMATS)('archive: %s', (format) => {
  it('archive: files come back as they went in, in their order, with any name', async () => {
    const texts: [string, string][] = [
      ['manifest.json', '{}'],
      [`host/var/log/${'long/'.repeat(40)}ü 日.log`, 'x'.repeat(300_001)],
      ['empty', ''],
      ['last.log', 'the last line\n'],
    ];
    const bytes = await pack(
      format,
      texts.map(([name, text]) => entry(name, text)),
    );
    const back: [string, string][] = [];
    for await (const { name, chunks } of read(format, bytes)) back.push([name, await textOf(chunks)]);

    expect(back).toEqual(texts);
  });

  it('archive: a file that cannot be read ends it with that failure', async () => {
    const failing: ArchiveEntry = {
      ...entry('b', 'x'.repeat(200_000)),
      open: async function* () {
        yield Buffer.alloc(100_000, 0x78);
        await Promise.resolve();
        throw new Error('EIO');
      },
    };

    await expect(pack(format, [entry('a', 'y'.repeat(500_000)), failing, entry('c', 'z')])).rejects.toThrow('EIO');
  });

  it('archive: a reader that stops early leaves nothing running', async () => {
    const bytes = await pack(format, [entry('a', 'y'.repeat(500_000)), entry('b', 'z')]);
    for await (const { name } of read(format, bytes)) {
      expect(name).toBe('a');
      break;
    }
    for await (const chunk of archiveFormat(format).pack([entry('a', 'y'.repeat(5_000_000))])) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });

  it('archive: a damaged one is an error and not an empty one', async () => {
    const bytes = await pack(format, [entry('a', 'y'.repeat(500_000))]);
    bytes.fill(0xff, 40, 80);
    const all = async () => {
      for await (const { chunks } of read(format, bytes)) await textOf(chunks);
    };

    await expect(all()).rejects.toThrow();
  });
});
