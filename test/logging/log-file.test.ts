import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LogFile, type LogFileOptions } from '#logging/log-file.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** How many more bytes the disk accepts; null: no limit. */
const disk = vi.hoisted(() => ({ room: null as number | null }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const writeSync = (fd: number, bytes: Buffer, offset: number): number => {
    if (disk.room === null) return real.writeSync(fd, bytes, offset);
    if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const taken = real.writeSync(fd, bytes, offset, Math.min(disk.room, bytes.length - offset));
    disk.room -= taken;
    return taken;
  };
  return { ...real, writeSync };
});

let dir = '';
let path = '';
let complaints: string[] = [];
let clock = new FakeClock();

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'sallyport-log-file-'));
  path = join(dir, 'logs', 'sallyport.log');
  complaints = [];
  clock = new FakeClock();
  disk.room = null;
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

function open(options: Partial<LogFileOptions> = {}): LogFile {
  return new LogFile({
    path,
    rotateBytes: 1_000_000,
    rotateKeep: 3,
    clock,
    complain: (line) => complaints.push(line),
    lostLine: (count) => `${count} lost`,
    ...options,
  });
}

function read(number?: number): string {
  return fs.readFileSync(number === undefined ? path : `${path}.${number}`, 'utf8');
}

/** The content of all files, the oldest first. */
function readAll(): string {
  const numbers = fs
    .readdirSync(join(dir, 'logs'))
    .map((name) => Number(name.slice('sallyport.log.'.length)))
    .sort((a, b) => b - a);
  return numbers.map((number) => read(number === 0 ? undefined : number)).join('');
}

describe('a log file', () => {
  it('log file: it is created with its folder, then appended to', () => {
    for (const line of ['a', 'b']) {
      const log = open();
      log.write(line);
      log.close();
    }

    expect(read()).toBe('a\nb\n');
    expect(complaints).toEqual([]);
  });

  it.each([0o000, 0o077])('log file: it has the mode 0640 under umask %o', (umask) => {
    const before = process.umask(umask);
    try {
      open({ path: join(dir, 'sallyport.log') }).close();
    } finally {
      process.umask(before);
    }

    expect(fs.statSync(join(dir, 'sallyport.log')).mode & 0o777).toBe(0o640);
  });

  it('log file: the mode of an existing file is kept', () => {
    fs.mkdirSync(join(dir, 'logs'));
    fs.writeFileSync(path, '');
    fs.chmodSync(path, 0o600);
    open().close();

    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
  });

  it('log file: a line that a crash left torn is ended before the next line', () => {
    fs.mkdirSync(join(dir, 'logs'));
    fs.writeFileSync(path, 'a\nto');
    const log = open();
    log.write('b');
    log.close();

    expect(read()).toBe('a\nto\nb\n');
  });

  it('log file: it accepts no lines after it was closed', () => {
    const log = open();
    log.close();
    log.write('a');
    log.close();

    expect(read()).toBe('');
  });
});

describe('rotation', () => {
  it('log file: a line that would exceed the limit starts a new file', () => {
    open().close();
    fs.writeFileSync(path, 'old-line\n');
    const log = open({ rotateBytes: 20 });
    for (const line of ['12345', '1234', 'new']) log.write(line);
    log.close();

    expect([read(1), read()]).toEqual(['old-line\n12345\n1234\n', 'new\n']);
  });

  it('log file: the configured number of old files is kept', () => {
    const log = open({ rotateBytes: 2, rotateKeep: 2 });
    for (const line of ['a', 'b', 'c', 'd']) log.write(line);
    log.close();

    expect([read(2), read(1), read()]).toEqual(['b\n', 'c\n', 'd\n']);
    expect(fs.readdirSync(join(dir, 'logs'))).toHaveLength(3);
  });

  it('log file: a limit of 0 keeps no old files and removes earlier ones', () => {
    const first = open({ rotateBytes: 2, rotateKeep: 3 });
    for (const line of ['a', 'b', 'c', 'd']) first.write(line);
    first.close();
    const second = open({ rotateBytes: 2, rotateKeep: 0 });
    second.write('e');
    second.close();

    expect(fs.readdirSync(join(dir, 'logs'))).toEqual(['sallyport.log']);
    expect(read()).toBe('e\n');
  });

  it('log file: a number that a crash left free in a rotation is filled without loss', () => {
    fs.mkdirSync(join(dir, 'logs'));
    fs.writeFileSync(path, 'd\n');
    fs.writeFileSync(`${path}.2`, 'c\n');
    fs.writeFileSync(`${path}.3`, 'b\n');
    const log = open({ rotateBytes: 2, rotateKeep: 3 });
    log.write('e');
    log.close();

    expect([read(3), read(2), read(1), read()]).toEqual(['b\n', 'c\n', 'd\n', 'e\n']);
  });

  it('log file: a line larger than the limit gets its own file', () => {
    const log = open({ rotateBytes: 3 });
    for (const line of ['a', 'long line', 'b']) log.write(line);
    log.close();

    expect([read(2), read(1), read()]).toEqual(['a\n', 'long line\n', 'b\n']);
  });

  it('log file: rotation never loses or splits a line, nor exceeds the limit', () => {
    const line = fc.string({ unit: 'grapheme-ascii', maxLength: 30 });
    fc.assert(
      fc.property(fc.array(fc.array(line), { maxLength: 4 }), fc.integer({ min: 1, max: 60 }), (runs, rotateBytes) => {
        fs.rmSync(join(dir, 'logs'), { recursive: true, force: true });
        for (const lines of runs) {
          const log = open({ rotateBytes, rotateKeep: 1_000 });
          for (const text of lines) log.write(text);
          log.close();
        }
        if (runs.length === 0) return;

        expect(readAll()).toBe(
          runs
            .flat()
            .map((text) => `${text}\n`)
            .join(''),
        );
        for (const name of fs.readdirSync(join(dir, 'logs'))) {
          const text = fs.readFileSync(join(dir, 'logs', name), 'utf8');
          expect(text).toMatch(/^([^\n]*\n)*$/);
          if (text.split('\n').length > 2) expect(text.length).toBeLessThanOrEqual(rotateBytes);
        }
      }),
    );
  });

  it('log file: a failed rotation is reported once and retried; lines go to the old file', () => {
    const log = open({ rotateBytes: 2, rotateKeep: 1 });
    fs.mkdirSync(`${path}.1`);
    for (const line of ['a', 'b', 'c']) log.write(line);
    expect(read()).toBe('a\nb\nc\n');
    expect(complaints).toEqual([
      expect.stringMatching(/^The log file \S+ is in trouble: \[FILE-FAILED\] .* It grows beyond 2 bytes/),
    ]);

    fs.rmdirSync(`${path}.1`);
    clock.advance(60_000);
    log.write('d');
    log.close();
    expect([read(1), read()]).toEqual(['a\nb\nc\n', 'd\n']);
    expect(complaints).toHaveLength(1);
  });
});

describe('a log file that fails', () => {
  it.each([
    ['FILE-SYMLINK', () => fs.symlinkSync(join(dir, 'victim'), path)],
    ['FILE-SPECIAL', () => execFileSync('mkfifo', [path])],
    ['FILE-LINKED', () => fs.linkSync(join(dir, 'victim'), path)],
  ])('log file: it never writes to a planted file (%s)', (code, plant) => {
    fs.writeFileSync(join(dir, 'victim'), 'untouched');
    fs.mkdirSync(join(dir, 'logs'));
    plant();
    const log = open();
    log.write('a');
    expect(complaints).toEqual([expect.stringContaining(`[${code}] ${path} `)]);
    expect(fs.readFileSync(join(dir, 'victim'), 'utf8')).toBe('untouched');

    fs.rmSync(path);
    log.write('b');
    log.close();
    expect(read()).toBe('a\nb\n');
  });

  it('log file: lines wait until it can be created; each outage is reported once', () => {
    fs.writeFileSync(join(dir, 'logs'), 'in the way');
    const log = open();
    log.write('a');
    log.write('b');
    expect(complaints).toEqual([expect.stringContaining('Lines are kept in memory until it can be written.')]);

    fs.rmSync(join(dir, 'logs'));
    log.write('c');
    expect(read()).toBe('a\nb\nc\n');

    fs.rmSync(join(dir, 'logs'), { recursive: true });
    fs.writeFileSync(join(dir, 'logs'), 'in the way');
    clock.advance(1_000);
    log.write('d');
    expect(complaints).toHaveLength(2);
  });

  it('log file: lines that could not be written are passed on when it closes', () => {
    fs.writeFileSync(join(dir, 'logs'), 'in the way');
    const log = open();
    log.write('a');
    log.close();

    expect(complaints.slice(1)).toEqual(['a']);
  });

  it('log file: the partial line on a full disk is removed', () => {
    const log = open();
    log.write('first');
    disk.room = 4;
    log.write('second');
    log.write('third');
    expect(read()).toBe('first\n');
    expect(complaints).toEqual([expect.stringContaining('ENOSPC')]);

    disk.room = null;
    log.write('fourth');
    log.close();
    expect(read()).toBe('first\nsecond\nthird\nfourth\n');
  });

  it('log file: lines beyond the memory limit are dropped and counted', () => {
    const log = open();
    disk.room = 0;
    for (let number = 0; number < 300; number += 1) log.write(`${number}${'x'.repeat(9_999)}`);
    disk.room = null;
    log.write('back');
    log.close();

    const lines = readAll().trimEnd().split('\n');
    const lost = Number(/^(\d+) lost$/.exec(lines[0] ?? '')?.[1]);
    expect(lost).toBeGreaterThan(100);
    expect(lines).toHaveLength(1 + 301 - lost);
    expect(lines[1]).toMatch(new RegExp(`^${lost}x`));
    expect(lines.at(-1)).toBe('back');
  });

  it('log file: it is created again after it was moved or removed', () => {
    const log = open();
    log.write('a');
    fs.renameSync(path, join(dir, 'moved'));
    log.write('b');
    expect(read()).toBe('b\n');
    fs.rmSync(join(dir, 'logs'), { recursive: true });
    log.write('c');
    log.close();

    expect(fs.readFileSync(join(dir, 'moved'), 'utf8')).toBe('a\n');
    expect(read()).toBe('c\n');
  });

  it('log file: reopening creates a moved file again and continues in one that stayed', () => {
    const log = open();
    log.write('a');
    log.reopen();
    log.write('b');
    expect(read()).toBe('a\nb\n');
    fs.renameSync(path, join(dir, 'moved'));
    log.reopen();
    expect(read()).toBe('');
    log.close();
    log.reopen();

    expect(fs.readFileSync(join(dir, 'moved'), 'utf8')).toBe('a\nb\n');
  });

  it('log file: a waiting line survives reopening', () => {
    const log = open();
    disk.room = 0;
    log.write('a');
    fs.rmSync(path);
    log.reopen();
    disk.room = null;
    log.reopen();
    log.close();

    expect(read()).toBe('a\n');
  });

  it('log file: it never rotates when another program does', () => {
    const log = open({ rotateBytes: null });
    for (let number = 0; number < 100; number += 1) log.write('x'.repeat(100_000));
    log.close();

    expect(fs.readdirSync(join(dir, 'logs'))).toEqual(['sallyport.log']);
  });

  it('log file: `tail -F` shows each line once and in order during rotation', async () => {
    const log = open({ rotateBytes: null });
    log.write('line 0');
    const tail = spawn('tail', ['-F', '-n', '+1', '-s', '0.02', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const seen: string[] = [];
    const lines = createInterface({ input: tail.stdout });
    lines.on('line', (line) => seen.push(line));
    const wrote: string[] = ['line 0'];
    for (let round = 0; round < 6; round += 1) {
      await expect.poll(() => seen.at(-1), { interval: 2 }).toBe(wrote.at(-1));
      fs.renameSync(path, `${path}.${round}`);
      if (round % 2 === 0) log.reopen();
      for (let number = 0; number < 5; number += 1) {
        wrote.push(`line ${round} ${number}`);
        log.write(wrote.at(-1) ?? '');
      }
    }
    await expect.poll(() => seen.at(-1), { interval: 2 }).toBe(wrote.at(-1));
    tail.kill();
    log.close();

    expect(seen).toEqual(wrote);
  });

  it('log file: its size is counted again after it was truncated', () => {
    const log = open({ rotateBytes: 10 });
    log.write('12345678');
    fs.truncateSync(path, 0);
    clock.advance(1_000);
    log.write('a');
    log.close();

    expect(read()).toBe('a\n');
    expect(fs.existsSync(`${path}.1`)).toBe(false);
  });
});
