// `sallyport fetch` as a process: what Ctrl-C leaves, and the live line in a terminal.

import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { BARE_ENVIRONMENT } from '#test/support/main-path.ts';
import { type RawServer, startRawServer } from '#test/support/raw-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { runInTerminal } from '#test/support/real-terminal.ts';
import { startSallyport } from '#test/support/sallyport-process.ts';
import { mountSmallDisk } from '#test/support/small-disk.ts';

const FILE = randomBytes(600_000);
const DIGEST = createHash('sha256').update(FILE).digest('hex');

let dir = '';
let server: RawServer;
const asked: string[] = [];
/** Sends the rest of the held response. */
let release = (): void => undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fetch-'));
  asked.length = 0;
  server = await startRawServer({
    onRequest: (socket, head) => {
      socket.on('error', () => undefined);
      const from = Number(/^range: bytes=(\d+)-/im.exec(head)?.[1] ?? 0);
      asked.push(String(from));
      const range = from === 0 ? '' : `Content-Range: bytes ${from}-${FILE.length - 1}/${FILE.length}\r\n`;
      const status = from === 0 ? '200 OK' : '206 Partial Content';
      const lines = `HTTP/1.1 ${status}\r\n${range}ETag: "v1"\r\nContent-Length: ${FILE.length - from}\r\n\r\n`;
      // The first response stops halfway until it is released.
      const until = from === 0 ? FILE.length / 2 : FILE.length;
      socket.write(Buffer.concat([Buffer.from(lines), FILE.subarray(from, until)]));
      release = () => socket.end(FILE.subarray(until));
      if (from > 0) socket.end();
    },
  });
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true });
});

const url = () => `http://127.0.0.1:${server.port}/tool.tar`;
const target = () => join(dir, 'tool.tar');
const staged = async () =>
  await stat(`${target()}.part/file.jar.unverified`).then(
    ({ size }) => size,
    () => 0,
  );

describe('fetch as a process', () => {
  it('fetch: Ctrl-C ends with status 19, keeps the bytes, and the same command continues', async () => {
    const start = () =>
      startSallyport(['fetch', url(), '--sha256', DIGEST, '-o', target()], {
        env: { XDG_STATE_HOME: join(dir, 'state'), no_proxy: '*' },
      });
    const first = start();
    await expect.poll(staged, { timeout: 15_000 }).toBe(FILE.length / 2);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(19);
    expect(first.lines.join('\n')).toContain('Repeat the command to resume.');
    expect([existsSync(target()), await staged()]).toEqual([false, FILE.length / 2]);

    expect(await start().ended).toBe(0);
    expect(asked).toEqual(['0', String(FILE.length / 2)]);
    expect((await readFile(target())).equals(FILE)).toBe(true);
    expect(existsSync(`${target()}.part`)).toBe(false);
  }, 120_000);

  it('fetch: a terminal shows one live line, which leaves no trace', async () => {
    const command = ['fetch', url(), '--sha256', DIGEST, '-o', target()];
    const running = runInTerminal(command, 100);
    await expect.poll(staged, { timeout: 15_000 }).toBe(FILE.length / 2);
    release();
    const { status, lines, live } = await running;
    expect(status).toBe(0);
    expect(live.some((line) => /^tool\.tar \[#+-+\] +\d+% .* of 600\.0 KB/.test(line))).toBe(true);
    expect(live.every((line) => line.length <= 100)).toBe(true);
    expect(lines.some((line) => line.includes('%'))).toBe(false);
    expect(lines.at(-1)).toContain('sha256 verified');
  }, 120_000);
});

describeWith(['mounts'], 'fetch on a full disk', () => {
  it('fetch: a full disk ends it with status 19 and keeps the bytes; then it continues', async () => {
    const folder = join(dir, 'disk');
    await mkdir(folder);
    const disk = await mountSmallDisk(folder, 1);
    try {
      const run = async () => {
        const command = [process.execPath, PROGRAM_PATH, 'fetch', url(), '--sha256', DIGEST, '-o', join(folder, 'f')];
        const child = spawn('nsenter', [`--mount=${disk.namespace}`, ...command], {
          stdio: ['ignore', 'ignore', 'pipe'],
          env: { ...BARE_ENVIRONMENT, XDG_STATE_HOME: join(dir, 'state') },
        });
        let written = '';
        child.stderr.on('data', (chunk: Buffer) => (written += chunk.toString()));
        const [code] = (await once(child, 'close')) as [number | null];
        return { code, written };
      };
      const filler = join(disk.path, 'filler');
      await writeFile(filler, Buffer.alloc(900_000));
      const full = await run();
      expect(full).toMatchObject({ code: 19, written: expect.stringContaining('[DISK-FULL]') });
      expect(full.written).toContain('Free some space, then repeat the command.');
      expect(full.written).not.toContain('updates.');
      expect(full.written).toContain('Repeat the command to resume.');

      await rm(filler);
      const again = await run();
      expect(again).toEqual({ code: 0, written: expect.any(String) });
      expect(Number(asked[1])).toBeGreaterThan(0);
      expect((await readFile(join(disk.path, 'f'))).equals(FILE)).toBe(true);
    } finally {
      disk.keeper.kill('SIGKILL');
    }
  }, 120_000);
});
