import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTextLines } from '#system/text-lines.ts';
import { tempFolder } from '#test/support/old-log.ts';

const NEVER = new AbortController().signal;

async function read(content: string | Buffer, signal: AbortSignal = NEVER) {
  const path = join(tempFolder(), 'log');
  writeFileSync(path, content);
  const lines: string[] = [];
  const result = await readTextLines(path, { line: (text) => void lines.push(text) }, signal);
  return { lines, problem: result.problem, count: result.lines };
}

describe('the lines of a file', () => {
  it('text lines: plain and gzipped files are split at line ends', async () => {
    const text = fc.array(fc.stringMatching(/^[a-z ]{0,20}$/), { minLength: 1, maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (lines, end, packed) => {
        const content = lines.map((line) => line + end).join('');
        expect((await read(packed ? gzipSync(content) : content)).lines).toEqual(lines);
      }),
      { numRuns: 40 },
    );
  });

  it('text lines: lines without an end are cut, whatever their length', async () => {
    const { lines } = await read(Buffer.concat([Buffer.alloc(5_000_000, 0x78), Buffer.from('\nnext\nlast')]));
    expect(lines.map((line) => line.length)).toEqual([8_192, 4, 4]);
  });

  it('text lines: an empty file has none', async () => {
    expect(await read('')).toMatchObject({ lines: [], problem: null });
  });

  it('text lines: a truncated gzip file yields its complete lines', async () => {
    const packed = gzipSync('first\nsecond\n');
    expect((await read(packed.subarray(0, packed.length - 6))).lines).toEqual(['first', 'second']);
  });

  it('text lines: they end where a gzip file is damaged, which is reported', async () => {
    const packed = gzipSync('first\nsecond\n');
    packed[packed.length - 8] = (packed[packed.length - 8] ?? 0) ^ 0xff;
    expect((await read(packed)).problem).toContain('damaged');
  });

  it('text lines: they are counted', async () => {
    expect((await read('a\nb\nc')).count).toBe(3);
  });
});

describe('the name of a text file', () => {
  it('text lines: a symbolic link is followed', async () => {
    const dir = tempFolder();
    writeFileSync(join(dir, 'real'), 'a\n');
    symlinkSync(join(dir, 'real'), join(dir, 'link'));
    expect(await readTextLines(join(dir, 'link'), { line: () => undefined }, NEVER)).toEqual({
      lines: 1,
      problem: null,
    });
  });

  it('text lines: a folder, a FIFO or a missing file is refused at once', async () => {
    const dir = tempFolder();
    execFileSync('mkfifo', [join(dir, 'fifo')]);
    for (const path of [dir, join(dir, 'fifo'), join(dir, 'missing')]) {
      await expect(readTextLines(path, { line: () => undefined }, NEVER)).rejects.toMatchObject({
        code: 'FILE-FAILED',
      });
    }
  });
});

it('text lines: an abort ends the reading', async () => {
  await expect(read('a\n', AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});
