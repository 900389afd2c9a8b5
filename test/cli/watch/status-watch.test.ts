// `status --watch`: what fits in a window, what is drawn, and what it does while the daemon comes and goes.

import type { Terminal as TerminalType } from '@xterm/headless';
import xterm from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import { watchCommand } from '#cli/watch/status-watch.ts';
import { type WatchState, watchFrame } from '#cli/watch/watch-frame.ts';
import { WatchScreen } from '#cli/watch/watch-screen.ts';
import type { Control, Status } from '#control/control.ts';
import type { Followed } from '#control/follow.ts';
import { coded } from '#errors/coded-error.ts';
import { untilAborted } from '#system/abort.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { anUpload, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeAnswers, fakeTerminal } from '#test/support/fake-terminal.ts';

const HOSTILE = '\u001b[2J\u009b1A\r\u202e';

function aState(over: Partial<WatchState> = {}): WatchState {
  const lines = Array.from({ length: 40 }, (_, index) => `00:04:${index} [INFO] line ${index}`);
  return { status: aBusyStatus(), problem: null, lines, received: new Map(), ageMs: 0, ...over };
}

function aBusyStatus(): Status {
  const status = aStatus();
  const queue = {
    kind: 'batch',
    unit: 'documents',
    waiting: { items: 30, bytes: 12_000_000 },
    quota: { items: 100_000, bytes: 1_000_000_000 },
    oldest: '2026-11-20T01:05:00.000Z',
    held: 1,
    rejected: 2,
    quarantined: 0,
    next_try: '2026-11-20T02:07:00.000Z',
  };
  const transfer = { id: '1602600', received: 50_000_000, length: 200_000_000, rate: 1_000_000 };
  return {
    ...status,
    updates: { ...status.updates, transfers: [transfer], transfer },
    uploads: [anUpload({ title: 'exposure analytics', queue })],
    receipts: { ...status.receipts, waiting: 2 },
  };
}

describe('status --watch: the screen', () => {
  it.each([
    [80, 24],
    [60, 15],
    [40, 8],
    [20, 3],
    [1, 1],
  ])('status --watch: fits into %i columns and %i rows', (columns, rows) => {
    const lines = watchFrame(aState(), { columns, rows });

    expect(lines).toHaveLength(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect('q: quit').toContain(lines.at(-1));
  });

  it('status --watch: has the verdict, purposes, bars, queues and the last lines', () => {
    const screen = watchFrame(aState(), { columns: 80, rows: 24 }).join('\n');

    expect(screen).toMatch(/^OK: The last check succeeded 2 h ago\./);
    expect(screen).toMatch(/\n {2}updates +succeeded 2 h ago, next in 4 h 2 min \(tunnel via corp\)\n/);
    expect(screen).toMatch(/\n {2}1602600 \[#+-+\] +25% {2}50\.0 MB of 200\.0 MB {2}1\.0 MB\/s {2}2 min 30 s left\n/);
    expect(screen).toContain('\n  exposure analytics: 30 documents, 1 held, 2 rejected, 12.0 MB of 1.0 GB, next \n');
    expect(screen).toContain('\n  receipts: 2\n');
    expect(screen).toMatch(/line 38\n {2}00:04:39 \[INFO\] line 39\nq: quit$/);
  });

  it('status --watch: an awaited package has its deadline, which continues between two answers', () => {
    const status = aStatus();
    const waiting = {
      id: '1602600',
      elapsed_ms: 9_000,
      limit_ms: 340_000,
      proxy: 'corp',
      scans: true,
      held_ms: 53_000,
      held_size: null,
      proxy_answers_ms: null,
      proxy_silent_ms: null,
    };
    const state = aState({ status: { ...status, updates: { ...status.updates, waiting } }, ageMs: 2_000 });

    expect(watchFrame(state, { columns: 80, rows: 24 }).join('\n')).toContain(
      '1602600  waiting  0:11 of 5:40  proxy corp is probably scanning',
    );
  });

  it('status --watch: a short window keeps lines of every section and says how many are missing', () => {
    const status = aBusyStatus();
    const transfers = Array.from({ length: 12 }, (_, index) => ({
      id: `u${index}`,
      received: 1,
      length: 2,
      rate: null,
    }));
    const state = aState({ status: { ...status, updates: { ...status.updates, transfers } } });

    const screen = watchFrame(state, { columns: 60, rows: 15 }).join('\n');

    expect(screen).toMatch(/Transfers \(\d+ more\)/);
    for (const title of ['Purposes', 'Queues', 'Log']) expect(screen).toContain(`\n${title}`);
    expect(screen.match(/line \d+/g)?.length).toBeGreaterThanOrEqual(2);
  });

  it('status --watch: text from outside cannot move the cursor', () => {
    const status = aBusyStatus();
    const [transfer] = status.updates.transfers;
    const state = aState({
      status: {
        ...status,
        routes: status.routes.map((route) => ({ ...route, proxy: HOSTILE })),
        updates: { ...status.updates, transfers: [{ ...(transfer as NonNullable<typeof transfer>), id: HOSTILE }] },
      },
    });

    expect(watchFrame(state, { columns: 80, rows: 24 }).join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

function headless(columns: number, rows: number) {
  const terminal: TerminalType = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  const writes: string[] = [];
  const pending: Promise<void>[] = [];
  const screen = new WatchScreen((text) => {
    writes.push(text);
    pending.push(new Promise((resolve) => terminal.write(text, resolve)));
  });
  const shown = async () => {
    await Promise.all(pending);
    const { active } = terminal.buffer;
    return Array.from({ length: rows }, (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? '');
  };
  return { terminal, screen, writes, shown };
}

describe('status --watch: drawing', () => {
  it('status --watch: writes only changed lines, each time in one synchronized write', async () => {
    const { screen, writes, shown } = headless(20, 4);
    screen.show(['one', 'two', 'three', 'q: quit']);
    screen.show(['one', '2', 'three', 'q: quit']);
    screen.show(['one', '2', 'three', 'q: quit']);

    expect(await shown()).toEqual(['one', '2', 'three', 'q: quit']);
    expect(writes).toHaveLength(2);
    expect(writes[1]).toBe('\u001b[?2026h\u001b[2;1H\u001b[2K2\u001b[?2026l');
    expect(writes.slice(1).join(''), 'nothing is cleared as a whole').not.toContain('\u001b[2J');
  });

  it('status --watch: a line of the full width does not scroll the window', async () => {
    const { screen, shown } = headless(8, 2);
    screen.show(['12345678', 'abcdefgh']);
    screen.show(['12345678', 'ABCDEFGH']);

    expect(await shown()).toEqual(['12345678', 'ABCDEFGH']);
    screen.show(['\u4e2d\u4e2d\u4e2d', 'AB']);
    screen.show(['abcd', 'AB']);
    expect(await shown(), 'wide characters are erased').toEqual(['abcd', 'AB']);
  });

  it('status --watch: the end shows the screen from before and the cursor', async () => {
    const { terminal, screen, writes, shown } = headless(20, 3);
    await new Promise<void>((resolve) => terminal.write('$ before', resolve));
    screen.show(['one', 'two', 'q: quit']);
    expect((await shown())[0]).toBe('one');
    screen.end();

    expect((await shown())[0]).toBe('$ before');
    expect(writes.at(-1)).toBe('\u001b[?7h\u001b[?25h\u001b[?1049l');
  });
});

/** A person at a window of 80x24, who presses keys. */
function person() {
  let press: (bytes: Uint8Array) => void = () => undefined;
  let gone: () => void = () => undefined;
  const state = { isReading: false };
  const terminal = fakeTerminal({
    ...fakeAnswers([]),
    keys: (onBytes, onEnd) => {
      state.isReading = true;
      press = onBytes;
      gone = onEnd;
      return () => {
        state.isReading = false;
      };
    },
  });
  const window = { size: () => ({ columns: 80, rows: 24 }), onResize: () => () => undefined };
  const screen = { ...terminal.screen, tty: true };
  return {
    terminal: { ...terminal, screen, window },
    written: () => terminal.written,
    press: (text: string) => press(Buffer.from(text)),
    hangUp: () => gone(),
    state,
  };
}

/** A daemon that sends these lines to each follower, until `stop`. */
function daemon(lines: readonly Followed[], status = aStatus()) {
  const stopped = new AbortController();
  const after: unknown[] = [];
  const control = fakeControl({
    status: () =>
      stopped.signal.aborted
        ? Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/s', reason: 'x' }))
        : Promise.resolve(status),
    follow: async (request, send, signal) => {
      after.push(request.after);
      for (const one of lines) send(one);
      await untilAborted(AbortSignal.any([signal, stopped.signal]));
    },
  });
  return { control, after, stop: () => stopped.abort() };
}

const line = (number: number, message: string): Followed => ({
  kind: 'line',
  number,
  at: '2026-11-20T00:04:10.000Z',
  level: 'info',
  thread: 'Updater',
  event: 'up-to-date',
  message,
});

async function ticks(clock: FakeClock, count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) {
    await clock.advanceAsync(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('status --watch: the command', () => {
  it('status --watch: waits for a daemon, survives a restart, and continues after its last line', async () => {
    const clock = new FakeClock();
    const user = person();
    const start: Followed = { kind: 'start', run: 'r1', newest: 4, missed: 0 };
    const first = daemon([start, line(5, `before ${HOSTILE}`)]);
    const second = daemon([{ ...start, run: 'r2', newest: 0 }, line(1, 'after the restart')]);
    const found: (Control | null)[] = [null, first.control];
    const stopping = new AbortController();
    const done = watchCommand(user.terminal, {
      find: () => Promise.resolve(found.shift() ?? null),
      clock,
      signal: stopping.signal,
    });
    await ticks(clock, 1);
    expect(user.written()).toContain('No daemon is running. Waiting for one.');
    await ticks(clock, 4);
    expect(user.written()).toContain('[INFO] before \\u{1b}[2J');
    first.stop();
    await ticks(clock, 2);
    found.push(second.control);
    await ticks(clock, 6);
    expect(user.written()).toContain('after the restart');
    expect(first.after, 'the newest lines are requested at once').toEqual([null, { run: 'r1', number: 0 }]);
    expect(second.after).toEqual([{ run: 'r1', number: 5 }]);

    user.press('x');
    user.press('q');
    expect(await done).toBe(0);
    expect(user.state.isReading).toBe(false);
    expect(user.written()).toMatch(/\u001b\[\?1049l$/);
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Q', 'Q'],
  ])('status --watch: %s ends it at once', async (_name, key) => {
    const user = person();
    const { control } = daemon([]);
    const signal = new AbortController().signal;
    const done = watchCommand(user.terminal, { find: () => Promise.resolve(control), clock: new FakeClock(), signal });
    await new Promise((resolve) => setImmediate(resolve));
    user.press(key);

    expect(await done).toBe(0);
  });

  it('status --watch: a terminal that is gone, and a stop of the process, end it', async () => {
    const stopping = new AbortController();
    for (const end of [(user: ReturnType<typeof person>) => user.hangUp(), () => stopping.abort()]) {
      const user = person();
      const { control } = daemon([]);
      const clock = new FakeClock();
      const done = watchCommand(user.terminal, {
        find: () => Promise.resolve(control),
        clock,
        signal: stopping.signal,
      });
      await new Promise((resolve) => setImmediate(resolve));
      end(user);
      expect(await done).toBe(0);
    }
  });

  it('status --watch: refuses without a terminal, and names the command for a pipe', async () => {
    const signal = new AbortController().signal;
    const options = { find: () => Promise.resolve(null), clock: new FakeClock(), signal };

    await expect(watchCommand(fakeTerminal(), options)).rejects.toThrow('sallyport logs -f');
  });
});
