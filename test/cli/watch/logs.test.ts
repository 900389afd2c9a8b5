// `sallyport logs`: which lines it prints, over which files, and what it does while the log is rotated.

import { appendFile, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { olderFiles } from '#cli/watch/log-files.ts';
import { LogFilter } from '#cli/watch/log-filter.ts';
import { type LogsOptions, logsCommand, readWishes } from '#cli/watch/logs.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type FakeTerminal, fakeTerminal } from '#test/support/fake-terminal.ts';
import { Site } from '#test/support/site.ts';

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'logs-'));
  path = join(dir, 'sallyport.log');
});
afterEach(() => rm(dir, { recursive: true }));

const ALL = { id: null, purpose: null, level: 'debug', since: null, nowMs: 0 } as const;

const line = (second: number, message: string, { level = 'INFO', thread = 'Updater' } = {}) =>
  `2026-11-20T00:00:${String(second).padStart(2, '0')} [${level}] [Thread: ${thread}] ${message}`;

const textOf = (...lines: readonly string[]) => lines.map((one) => `${one}\n`).join('');

function options(over: Partial<LogsOptions> = {}): LogsOptions {
  const clock = new FakeClock();
  const signal = new AbortController().signal;
  return { path, wishes: readWishes(ALL), last: null, follow: false, files: realFiles, clock, signal, ...over };
}

async function printed(over: Partial<LogsOptions> = {}): Promise<string[]> {
  const terminal = fakeTerminal();
  expect(await logsCommand(terminal, options(over))).toBe(0);
  return terminal.printed;
}

describe('logs: the files', () => {
  it('logs: rotated and compressed files come first, the oldest before all others', async () => {
    await writeFile(path, textOf(line(9, 'nine')));
    await writeFile(`${path}.1`, textOf(line(7, 'seven'), line(8, 'eight')));
    await writeFile(`${path}.2.gz`, gzipSync(textOf(line(5, 'five'), line(6, 'six'))));
    await writeFile(`${path}.10.gz`, gzipSync(textOf(line(3, 'three'))));
    await writeFile(`${path}-20261119.gz`, gzipSync(textOf(line(1, 'one'))));
    await writeFile(`${path}-20261120`, textOf(line(2, 'two')));
    await writeFile(join(dir, 'other.log.1'), textOf(line(0, 'other')));

    expect((await printed()).map((one) => one.split('] ').at(-1))).toEqual([
      'one',
      'two',
      'three',
      'five',
      'six',
      'seven',
      'eight',
      'nine',
    ]);
  });

  it('logs: a file that is just being compressed is read once', () => {
    const names = ['sallyport.log', 'sallyport.log.1', 'sallyport.log.1.gz', 'sallyport.log.2.xz', 'sallyport.log.new'];

    expect(olderFiles('/l/sallyport.log', names)).toEqual(['/l/sallyport.log.2.xz', '/l/sallyport.log.1']);
  });

  it('logs: a format that cannot be read is named', async () => {
    await writeFile(path, textOf(line(1, 'one')));
    await writeFile(`${path}.1.zst`, 'x');
    const terminal = fakeTerminal();

    await logsCommand(terminal, options());

    expect(terminal.errors).toEqual(['Not shown, because only gzip can be read: sallyport.log.1.zst']);
    expect(terminal.printed).toHaveLength(1);
  });

  it('logs: a damaged gzip file gives the lines before the damage', async () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => line(index % 60, `${index} ${Math.sin(index)}`));
    const packed = gzipSync(textOf(...lines));
    await writeFile(`${path}.1.gz`, packed.subarray(0, packed.length >> 1));
    await writeFile(path, textOf(line(9, 'last')));

    const shown = await printed();

    expect(shown.length).toBeGreaterThan(500);
    expect(shown.at(-1)).toBe(line(9, 'last'));
  });

  it('logs: a link in place of the log is refused, and a missing log is named', async () => {
    await expect(printed()).rejects.toMatchObject({ code: 'LOG-MISSING', facts: { path } });
    await symlink('/etc/hostname', path);
    await expect(printed()).rejects.toMatchObject({ code: 'FILE-SYMLINK' });
  });

  it('logs: a last line without its end is printed', async () => {
    await writeFile(path, `${textOf(line(1, 'one'))}${line(2, 'tw')}`);

    expect(await printed()).toEqual([line(1, 'one'), line(2, 'tw')]);
  });

  it('logs: -n prints the last lines over all files', async () => {
    await writeFile(`${path}.1`, textOf(line(1, 'one'), line(2, 'two')));
    await writeFile(path, textOf(line(3, 'three')));

    expect(await printed({ last: 2 })).toEqual([line(2, 'two'), line(3, 'three')]);
    expect(await printed({ last: 0 })).toEqual([]);
  });
});

describe('logs: the lines', () => {
  const shows = (wishes: Partial<Parameters<typeof readWishes>[0]>, ...lines: readonly string[]) => {
    const filter = new LogFilter(readWishes({ ...ALL, ...wishes }));
    return lines.filter((one) => filter.shows(one));
  };

  it('logs: --id finds the whole ID only', () => {
    const lines = ['Update ID 16.', 'Update ID 160.', 'for 16-a', '(ID 16)', '16'].map((text) => line(1, text));

    expect(shows({ id: '16' }, ...lines)).toEqual([line(1, 'Update ID 16.'), line(1, '(ID 16)'), line(1, '16')]);
    expect(shows({ id: '[Thread' }, ...lines)).toEqual([]);
  });

  it('logs: --purpose takes the threads of that purpose, and receipts belong to updates', () => {
    const threads = ['Updater', 'Receipts', 'Support logs', 'Main'];
    const lines = threads.map((thread) => line(1, 'x', { thread }));

    expect(shows({ purpose: 'updates' }, ...lines)).toEqual(lines.slice(0, 2));
    expect(shows({ purpose: 'support_logs' }, ...lines)).toEqual(lines.slice(2, 3));
  });

  it('logs: --level takes that level and higher ones', () => {
    const lines = ['DEBUG', 'INFO', 'WARN', 'ERROR'].map((level) => line(1, 'x', { level }));

    expect(shows({ level: 'warn' }, ...lines)).toEqual(lines.slice(2));
  });

  it('logs: --since takes a duration or a local time', () => {
    const lines = [line(1, 'x'), line(5, 'x'), line(9, 'x')];
    const nowMs = Date.parse('2026-11-20T00:01:05');

    expect(shows({ since: '1m', nowMs }, ...lines)).toEqual(lines.slice(1));
    expect(shows({ since: '2026-11-20T00:00:09', nowMs }, ...lines)).toEqual(lines.slice(2));
    expect(() => readWishes({ ...ALL, since: 'yesterday' })).toThrow(/--since/);
  });

  it('logs: a line without the form of the log belongs to the line before it', () => {
    const lines = [line(1, 'x', { level: 'ERROR' }), 'rest', line(2, 'x'), 'other rest'];

    expect(shows({ level: 'error' }, ...lines)).toEqual(lines.slice(0, 2));
  });

  it('logs: what another program wrote cannot move the cursor', async () => {
    await writeFile(path, textOf(line(1, 'a\u001b[2J\u009b1A\rb\u202ec\u2028d'), '\u001b]0;title\u0007'));

    const shown = (await printed()).join('\n');

    expect(shown).toContain('a\\u{1b}[2J\\u{9b}1A\\u{d}b\\u{202e}c\\u{2028}d');
    expect(shown).not.toMatch(/[^\n\P{Cc}]/u);
  });

  it('logs: bytes that are not UTF-8 and a line of a megabyte are printed safely', async () => {
    await writeFile(
      path,
      Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.alloc(1_000_000, 'x'), Buffer.from('\n')]),
    );

    const [first = '', second = ''] = await printed();

    expect(first).toBe('\ufffd\ufffd');
    expect(second.length).toBe(65_536);
  });
});

/** A command that follows, and a clock that lets it look again. */
function follow(over: Partial<LogsOptions> = {}) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const terminal: FakeTerminal = fakeTerminal();
  const done = logsCommand(terminal, options({ follow: true, clock, signal: stop.signal, ...over }));
  // Files are read by other threads, so a look takes some real time.
  const until = async (last: string) => {
    const look = async () => {
      await clock.advanceAsync(250);
      return terminal.printed.at(-1);
    };
    await expect.poll(look, { timeout: 15_000, interval: 5 }).toBe(last);
  };
  const end = async () => {
    stop.abort(new Error('Ctrl-C'));
    return await done;
  };
  return { terminal, clock, until, end };
}

describe('logs -f', () => {
  it('logs: -f prints each new line once, also over two rotations between two looks', async () => {
    await writeFile(path, textOf(line(1, 'one')));
    const following = follow();
    await following.until(line(1, 'one'));

    await appendFile(path, line(2, 'tw'));
    await appendFile(path, textOf('o'));
    await following.until(line(2, 'two'));
    await appendFile(path, textOf(line(3, 'three')));
    await rename(path, `${path}.2`);
    await writeFile(`${path}.1`, textOf(line(4, 'four')));
    await writeFile(path, textOf(line(5, 'five')));
    await following.until(line(5, 'five'));

    expect(await following.end()).toBe(0);
    expect(following.terminal.printed.map((one) => one.slice(17, 19))).toEqual(['01', '02', '03', '04', '05']);
  });

  it('logs: -f reads the old file until the new one exists, as logrotate needs it', async () => {
    await writeFile(path, textOf(line(1, 'one')));
    const following = follow();
    await following.until(line(1, 'one'));
    await rename(path, `${path}.1`);
    await appendFile(`${path}.1`, textOf(line(2, 'two')));
    await following.until(line(2, 'two'));
    await writeFile(path, textOf(line(3, 'three')));
    await following.until(line(3, 'three'));

    expect(await following.end()).toBe(0);
    expect(following.terminal.printed).toHaveLength(3);
  });

  it('logs: -f begins again in a file that was emptied', async () => {
    await writeFile(path, textOf(line(1, 'one'), line(2, 'two')));
    const following = follow();
    await following.until(line(2, 'two'));
    await truncate(path);
    await following.clock.advanceAsync(250);
    await appendFile(path, textOf(line(3, 'three')));
    await following.until(line(3, 'three'));

    await following.end();
    expect(following.terminal.printed).toHaveLength(3);
  });

  it('logs: -f waits for a log that does not exist yet', async () => {
    const following = follow();
    await following.clock.advanceAsync(1_000);
    await writeFile(path, textOf(line(1, 'one')));
    await following.until(line(1, 'one'));

    await following.end();
    expect(following.terminal.errors.join()).toContain('does not exist yet');
  });

  it('logs: -f ends when its reader is gone', async () => {
    await writeFile(path, textOf(line(1, 'one')));
    const terminal = fakeTerminal();
    const screen = { ...terminal.screen, closed: () => true };

    expect(await logsCommand({ ...terminal, screen }, options({ follow: true }))).toBe(0);
  });
});

describe('logs: the command', () => {
  it('logs: the folder of the configuration is read, without a daemon, a lock or a state folder', async () => {
    const site = await Site.make();
    try {
      await site.configure();
      await mkdir(join(site.dir, 'logs'));
      await site.write('logs/sallyport.log', textOf(line(1, 'one'), line(2, 'two', { level: 'WARN' })));

      expect(await site.run(['logs', '--level', 'warn'])).toEqual({
        code: 0,
        out: textOf(line(2, 'two', { level: 'WARN' })),
        err: '',
      });
      expect(await site.run(['logs', '--purpose', 'mail'])).toMatchObject({ code: 64 });
      expect(await site.run(['logs', '--since', 'x'])).toMatchObject({ code: 64 });
    } finally {
      await site.remove();
    }
  });
});
