// Real processes: what they get, what they may write, and that none of their group remains.

import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#system/clock.ts';
import { type CommandEnd, type CommandLimits, SystemCommands } from '#system/process/command.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-command-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const commands = new SystemCommands(systemClock);

interface Ran {
  readonly end: CommandEnd;
  readonly lines: string[];
  readonly cut: number;
}

function script(text: string): string {
  const path = join(dir, 'hook');
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o700);
  return path;
}

async function run(
  text: string,
  over: Partial<CommandLimits> & { arguments?: string[]; environment?: Record<string, string> } = {},
): Promise<Ran> {
  const lines: string[] = [];
  let cut = 0;
  const { arguments: given = [], environment = { PATH: '/usr/bin:/bin' }, ...limits } = over;
  const end = await commands.run(
    { path: script(text), arguments: given, environment },
    {
      limitMs: 10_000,
      graceMs: 500,
      stopGraceMs: 200,
      outputBytes: 65_536,
      onLine: (stream, line) => void lines.push(`${stream}: ${line}`),
      onCut: () => {
        cut += 1;
      },
      signal: new AbortController().signal,
      ...limits,
    },
  );
  return { end, lines, cut };
}

/** A zombie, which its parent has not waited for yet, is also dead. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a command', () => {
  it.each(['cat', 'head -c 3; exec <&-'])('command: %s gets the given bytes on stdin', async (text) => {
    const input = Buffer.alloc(300_000, 'x');
    const lines: string[] = [];
    const command = { path: script(`(${text}) | wc -c`), arguments: [], environment: { PATH: '/usr/bin:/bin' }, input };
    const end = await commands.run(command, {
      limitMs: 10_000,
      graceMs: 500,
      stopGraceMs: 200,
      outputBytes: 65_536,
      onLine: (_stream, line) => void lines.push(line),
      onCut: () => undefined,
      signal: new AbortController().signal,
    });
    expect(end).toEqual({ kind: 'exited', status: 0 });
    expect(lines).toEqual([text === 'cat' ? '300000' : '3']);
  });

  it('command: it gets exactly the given environment', async () => {
    process.env['SALLYPORT_TEST_LEAK'] = 'secret';
    const coverage = process.env['NODE_V8_COVERAGE'];
    process.env['NODE_V8_COVERAGE'] = join(dir, 'coverage');
    const environment = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', SALLYPORT_ID: 'u 1\n$(id)' };
    try {
      const { lines } = await run('tr "\\0" "\\n" < /proc/$$/environ', { environment });

      expect(lines).toEqual([
        'stdout: PATH=/usr/bin:/bin',
        'stdout: LANG=C.UTF-8',
        'stdout: SALLYPORT_ID=u 1',
        'stdout: $(id)',
      ]);
    } finally {
      delete process.env['SALLYPORT_TEST_LEAK'];
      if (coverage === undefined) delete process.env['NODE_V8_COVERAGE'];
      else process.env['NODE_V8_COVERAGE'] = coverage;
    }
  });

  it('command: arguments are passed unchanged, without a shell', async () => {
    const given = ['a b', '$(id)', '; rm -rf /', '*', ''];
    const { lines } = await run('for one in "$@"; do printf "<%s>\\n" "$one"; done', { arguments: given });

    expect(lines).toEqual(given.map((one) => `stdout: <${one}>`));
  });

  it('command: it runs in /, in its own group, with empty stdin and none of our files', async () => {
    const secret = join(dir, 'secret');
    writeFileSync(secret, 'x');
    const open = openSync(secret, 'r');
    const { lines } = await run(
      'pwd; ps -o pid=,pgid=,sid= -p $$ | tr -s " " "\\n" | sort -u | grep -c .; cat; for fd in /proc/$$/fd/*; do readlink $fd; done',
    );
    closeSync(open);

    expect(lines.slice(0, 3)).toEqual(['stdout: /', 'stdout: 1', 'stdout: /dev/null']);
    expect(lines.filter((line) => line.includes(secret))).toEqual([]);
  });

  it.each([
    ['exit 0', { kind: 'exited', status: 0 }],
    ['exit 3', { kind: 'exited', status: 3 }],
    ['kill -KILL $$', { kind: 'signalled', signal: 'SIGKILL' }],
  ])('command: its end is reported: %s', async (text, end) => {
    expect((await run(text)).end).toEqual(end);
  });

  it('command: a failure to start has a reason', async () => {
    const path = join(dir, 'none');
    const limits = { limitMs: 1_000, graceMs: 1, stopGraceMs: 1, outputBytes: 1, onLine() {}, onCut() {} };
    const end = await commands.run(
      { path, arguments: [], environment: {} },
      { ...limits, signal: new AbortController().signal },
    );

    expect(end).toEqual({ kind: 'not-started', reason: 'ENOENT' });
  });
});

describe('the output of a command', () => {
  it('command: output arrives by line, also a last line without a line end', async () => {
    const { lines } = await run('echo one; printf "two\\r\\n\\nthree"; echo four >&2');

    expect(lines.toSorted()).toEqual(['stderr: four', 'stdout: one', 'stdout: three', 'stdout: two']);
  });

  it('command: output beyond the limit is read and dropped, and reported once', async () => {
    const { end, lines, cut } = await run('head -c 5000000 /dev/zero | tr "\\0" "a"; echo; echo over', {
      outputBytes: 10_000,
    });

    expect(end).toEqual({ kind: 'exited', status: 0 });
    expect(lines.join('').replaceAll('stdout: ', '').length).toBe(10_000);
    expect(cut).toBe(1);
  });
});

describe('a command that takes too long', () => {
  it('command: after the limit the whole group gets TERM and may end', async () => {
    const { end, lines } = await run('trap "echo bye; exit 0" TERM; sleep 1000 & wait', { limitMs: 150 });

    expect(end).toEqual({ kind: 'too-long' });
    expect(lines).toEqual(['stdout: bye']);
  });

  it('command: a group that ignores TERM is killed with its grandchildren', async () => {
    const { end, lines } = await run(
      `trap "" TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1000; done' & echo $$; while :; do sleep 1000; done`,
      { limitMs: 200, graceMs: 150 },
    );

    expect(end).toEqual({ kind: 'too-long' });
    expect(lines).toHaveLength(2);
    for (const line of lines) {
      await expect.poll(() => lives(Number(line.replace('stdout: ', '')))).toBe(false);
    }
  });
});

describe('a grandchild of a command', () => {
  it.each([
    ['while it holds the output', 'sleep 1000 & echo $!; exit 0'],
    ['with its own output', 'sleep 1000 >/dev/null 2>&1 & echo $!; exit 0'],
    ['and does not obey', `sh -c 'trap "" TERM; echo $$; while :; do sleep 1000; done' & sleep 0.1; exit 0`],
  ])('command: a grandchild ends with the command, %s', async (_how, text) => {
    const { end, lines } = await run(text, { graceMs: 150 });

    expect(end).toEqual({ kind: 'exited', status: 0 });
    expect(lines).toHaveLength(1);
    await expect.poll(() => lives(Number(lines[0]?.replace('stdout: ', '')))).toBe(false);
  });

  it('command: a grandchild that left the group does not delay the end', async () => {
    const { end, lines } = await run('setsid sleep 1000 & echo $!; exit 0');

    expect(end).toEqual({ kind: 'exited', status: 0 });
    process.kill(Number(lines[0]?.replace('stdout: ', '')), 'SIGKILL');
  });
});

describe('stopping a command', () => {
  it('command: a stop ends the group before its limit', async () => {
    const stopping = new AbortController();
    const ran = run('trap "" TERM; echo $$; while :; do sleep 1000; done', {
      signal: stopping.signal,
      onLine: () => stopping.abort(),
      graceMs: 60_000,
    });

    expect((await ran).end).toEqual({ kind: 'stopped' });
  });

  it('command: an earlier stop prevents the start', async () => {
    expect((await run('echo no', { signal: AbortSignal.abort() })).end).toEqual({ kind: 'stopped' });
  });
});

describe('the path to a command', () => {
  it('command: resolvePath lists every folder, every link and its target', async () => {
    symlinkSync(script('exit 0'), join(dir, 'link'));
    symlinkSync('link', join(dir, 'relative'));

    const way = await commands.resolvePath(join(dir, 'relative'));

    const own = way.filter(({ path }) => path.startsWith(dir));
    expect(way[0]).toMatchObject({ path: '/', kind: 'folder' });
    expect(own.map(({ path, kind }) => [path.slice(dir.length), kind])).toEqual([
      ['', 'folder'],
      ['/relative', 'symbolic link'],
      ['/link', 'symbolic link'],
      ['', 'folder'],
      ['/hook', 'file'],
    ]);
    expect(own.at(-1)).toMatchObject({ mode: 0o700, owner: commands.self });
  });

  it('command: resolvePath fails for a missing target and a circle of links', async () => {
    symlinkSync('b', join(dir, 'a'));
    symlinkSync('a', join(dir, 'b'));

    await expect(commands.resolvePath(join(dir, 'a'))).rejects.toThrow('ELOOP');
    await expect(commands.resolvePath(join(dir, 'none'))).rejects.toThrow('ENOENT');
  });
});

describe('streamed output', () => {
  const start = (text: string, over: { limitMs?: number; signal?: AbortSignal } = {}) => {
    const errors: string[] = [];
    const running = commands.start(
      { path: script(text), arguments: [], environment: { PATH: '/usr/bin:/bin' } },
      {
        limitMs: 10_000,
        graceMs: 500,
        stopGraceMs: 200,
        signal: new AbortController().signal,
        onError: (line) => void errors.push(line),
        ...over,
      },
    );
    return { ...running, errors };
  };
  const all = async (chunks: AsyncIterable<Uint8Array>) => {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts);
  };

  it('streamed output: every byte arrives, also long lines and zero bytes, and stderr apart', async () => {
    const { output, end, errors } = start(
      String.raw`head -c 300000 /dev/zero; printf 'end\nno line end'; echo oh >&2; exit 3`,
    );
    const bytes = await all(output);

    expect(bytes.length).toBe(300_015);
    expect(bytes.toString('utf8', 300_000)).toBe('end\nno line end');
    expect([await end, errors]).toEqual([{ kind: 'exited', status: 3 }, ['oh']]);
  });

  it('streamed output: a reader slower than the drain time gets everything', async () => {
    const { output, end } = start('head -c 500000 /dev/zero');
    let bytes = 0;
    for await (const chunk of output) {
      if (bytes === 0) await new Promise((resolve) => systemClock.after(1_300, () => resolve(null)));
      bytes += chunk.length;
    }

    expect([bytes, await end]).toEqual([500_000, { kind: 'exited', status: 0 }]);
  });

  it('streamed output: a reader that stops ends a program that writes forever', async () => {
    const { output, end } = start('yes');
    for await (const chunk of output) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }

    expect((await end).kind).toMatch(/exited|signalled/);
  });

  it('streamed output: the limit and the signal end it, and a missing program has no output', async () => {
    const tooLong = start('echo begun; sleep 60', { limitMs: 1_500 });
    const stop = new AbortController();
    const stopped = start('echo begun; sleep 60', { signal: stop.signal });
    for await (const chunk of stopped.output) {
      expect(chunk.length).toBe(6);
      stop.abort();
    }
    const missing = commands.start(
      { path: join(dir, 'missing'), arguments: [], environment: {} },
      { limitMs: 1_000, graceMs: 1, stopGraceMs: 1, signal: stop.signal, onError: () => undefined },
    );

    expect((await all(tooLong.output)).toString()).toBe('begun\n');
    expect(await tooLong.end).toEqual({ kind: 'too-long' });
    expect(await stopped.end).toEqual({ kind: 'stopped' });
    expect([(await all(missing.output)).length, await missing.end]).toEqual([0, { kind: 'stopped' }]);
  });
});
