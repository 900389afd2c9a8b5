import { describe, expect, it } from 'vitest';
import type { SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { TerminalLog } from '#logging/terminal.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { UPDATER } from '#test/support/updater.ts';

const KNOWN = new KnownSecrets();
const WIPE = '\r\u001b[2K';
const MB = 1_000_000;
const WAITING = {
  name: 'waiting',
  id: '1602503',
  limit: 340_000,
  size: 20_000_000,
  explanation: 'x',
  proxy: 'corp',
  scans: true,
  held: 53_000,
  held_size: null,
} as const;

/** A terminal and the pieces that were written to it. */
function open(options: { tty: boolean; color?: boolean; columns?: number }) {
  let width = options.columns ?? 100;
  const clock = new FakeClock();
  const written: string[] = [];
  const terminal = new TerminalLog(
    {
      write: (text) => written.push(text),
      tty: options.tty,
      color: options.color ?? false,
      columns: () => width,
    },
    clock,
  );
  const line = (event: SallyportEvent) => terminal.line(toRecord(event, clock.now(), KNOWN));
  const progress = (received: number, id = '1602503', length: number | null = 10 * MB) =>
    terminal.progress(toRecord({ name: 'progress', id, received, length }, clock.now(), KNOWN));
  const resize = (columns: number) => {
    width = columns;
  };
  return { clock, written, terminal, line, progress, resize };
}

/** What a tty shows: an erase removes everything since the last line end. */
function screenOf(written: readonly string[]): string[] {
  const lines = written.join('').split('\n');
  return lines.map((line) => line.split(WIPE).at(-1) ?? '');
}

describe('a terminal', () => {
  it('terminal: it shows the classic line, with the level in color if enabled', () => {
    const plain = open({ tty: true });
    const colored = open({ tty: true, color: true });
    plain.line({ name: 'stopped' });
    colored.line({ name: 'stopped' });

    expect(plain.written).toEqual([expect.stringMatching(/^\S{19} \[INFO\] \[Thread: Main\] Stopped\.\n$/)]);
    expect(colored.written).toEqual([plain.written[0]?.replace('[INFO]', '\u001b[32m[INFO]\u001b[0m')]);
  });

  it('terminal: only the level of the line is colored, not one in the message', () => {
    const { line, written } = open({ tty: true, color: true });
    line({ name: 'up-to-date' });

    expect(written.join('').split('\u001b')).toHaveLength(3);
  });

  it('terminal: without a tty there is neither a bar nor an escape sequence', () => {
    const { progress, line, terminal, written } = open({ tty: false });
    progress(MB);
    line({ name: 'stopped' });
    terminal.close();

    expect(written.join('')).toMatch(/^[ -~]+\n$/);
  });

  it('terminal: the bar has the speed and the time left', () => {
    const { clock, progress, written } = open({ tty: true });
    progress(0);
    clock.advance(1_000);
    progress(2 * MB);

    expect(screenOf(written).at(-1)).toBe(
      `1602503 [${'#'.repeat(8)}${'-'.repeat(32)}]  20%  2.0 MB of 10.0 MB  2.0 MB/s  4 s left`,
    );
  });

  it('terminal: the bar is drawn at most ten times a second, and always at the end', () => {
    const { clock, progress, written } = open({ tty: true });
    for (let step = 0; step <= 1_000; step += 1) {
      progress(step * 10_000);
      clock.advance(1);
    }

    expect(written.length).toBeLessThanOrEqual(12);
    expect(screenOf(written).at(-1)).toContain('100%');
  });

  it('terminal: the bar shows the last bytes before a pause', () => {
    const { clock, progress, written } = open({ tty: true });
    progress(0);
    clock.advance(40);
    progress(2 * MB);
    expect(screenOf(written).at(-1)).toContain('  0%  0 bytes of 10.0 MB');
    clock.advance(60);

    expect(screenOf(written).at(-1)).toContain(' 20%  2.0 MB of 10.0 MB  20.0 MB/s');
    const drawn = written.length;
    clock.advance(10_000);
    expect(written).toHaveLength(drawn);
  });

  it('terminal: the bar is erased before another line and drawn again after it', () => {
    const { progress, line, written } = open({ tty: true });
    progress(5 * MB);
    line({ name: 'receipt-delivered', id: 'other', outcome: 'published' });

    expect(screenOf(written)).toEqual([
      expect.stringMatching(/ Delivered the receipt of update ID other \(published\)\.$/),
      expect.stringMatching(/^1602503 \[#+-+\] {2}50%/),
    ]);
  });

  it('terminal: the bar stays during events of a download that continues', () => {
    const { progress, line, written } = open({ tty: true });
    progress(5 * MB);
    line({ name: 'response-via', ...UPDATER, via: '1.1 a' });
    line({ name: 'waiting', id: '1602503', limit: 29_000, size: 20_000_000, explanation: 'x' });

    expect(screenOf(written)).toHaveLength(3);
    expect(screenOf(written).at(-1)).toMatch(/^1602503 /);
  });

  it.each<SallyportEvent>([
    { name: 'downloaded', id: '1602503', length: 1, elapsed: 1, silence: 1 },
    { name: 'round-ended', published: 0, failed: 1, pruned: 0 },
    { name: 'check-failed', hop: 'this host', error: new Error('x') },
    { name: 'stopped' },
  ])('terminal: $name removes the bar', (event) => {
    const { progress, line, written } = open({ tty: true });
    progress(5 * MB);
    line(event);
    line({ name: 'up-to-date' });

    expect(screenOf(written)).toHaveLength(3);
    expect(screenOf(written).at(-1)).toBe('');
  });

  it('terminal: the seconds of a wait are counted below its line, before the bar', () => {
    const { clock, written, line, progress } = open({ tty: true, columns: 140 });
    line(WAITING);
    clock.advance(9_000);
    expect(screenOf(written).at(-1)).toBe(
      '1602503  waiting for the first byte  0:09 of 5:40  proxy corp is probably scanning (held past packages of this size for up to 53 s)',
    );
    progress(MB);
    expect(screenOf(written).at(-1)).toMatch(/^1602503 \[#+-+\] {2}10%/);
    expect(clock.pending).toBe(0);
  });

  it('terminal: the seconds of a wait continue, including those before it connected', () => {
    const { clock, written, line } = open({ tty: true, columns: 60 });
    line({ ...WAITING, waited: 65_000 });
    clock.advance(1_000);
    line({ name: 'response-via', ...UPDATER, via: '1.1 a' });
    expect(screenOf(written).at(-1)).toBe('1602503  waiting for the first byte  1:06 of 5:40');
  });

  it.each<SallyportEvent>([
    { name: 'download-failed', id: '1602503', hop: 'this host', error: new Error('x') },
    { name: 'round-failed', published: 0, failed: 0, pruned: 0 },
  ])('terminal: $name ends the seconds of a wait', (event) => {
    const { clock, written, line } = open({ tty: true });
    line(WAITING);
    line(event);

    expect(clock.pending).toBe(0);
    expect(screenOf(written).at(-1)).toBe('');
  });

  it('terminal: without a tty no seconds are counted', () => {
    const { clock, written, line } = open({ tty: false });
    line(WAITING);
    clock.advance(9_000);

    expect(clock.pending).toBe(0);
    expect(written.join('')).toMatch(/^[ -~]+\n$/);
  });

  it('terminal: every row of the live line is erased after the window became narrower', () => {
    const { clock, written, line, resize } = open({ tty: true, columns: 80 });
    line(WAITING);
    const { length } = screenOf(written).at(-1) ?? '';
    resize(30);
    clock.advance(1_000);

    // As many rows above as the old line fills at the new width.
    const rows = Math.ceil(length / 30);
    expect(rows).toBeGreaterThan(1);
    const wipe = `${WIPE}${'\u001b[1A\u001b[2K'.repeat(rows - 1)}`;
    expect(written.at(-1)).toBe(`${wipe}1602503  0:01 of 5:40`);
  });

  it('terminal: the bar starts over for another download and for a restart from zero', () => {
    const { clock, progress, written } = open({ tty: true });
    progress(9 * MB);
    clock.advance(5_000);
    progress(MB);
    expect(screenOf(written).at(-1)).toMatch(/ 10% {2}1\.0 MB of 10\.0 MB$/);
    clock.advance(5_000);
    progress(2 * MB, '1602504', null);
    expect(screenOf(written).at(-1)).toBe('downloads: 2 3.0 MB');
  });

  it('terminal: several downloads share one bar of at most the width', () => {
    const { clock, progress, written } = open({ tty: true, columns: 80 });
    progress(MB, '1602503');
    progress(2 * MB, '1602504');
    progress(0, '1602505');
    clock.advance(1_000);
    progress(3 * MB, '1602503');
    progress(4 * MB, '1602504');
    progress(MB, '1602505');
    const line = screenOf(written).at(-1) ?? '';
    expect(line).toMatch(/^downloads: 3 \[#+-+\] {2}26% {2}8\.0 MB of 30\.0 MB {2}5\.0 MB\/s {2}5 s left$/);
    expect(line.length).toBeLessThan(80);
  });

  it('terminal: the last column stays free; an unknown width is 80', () => {
    for (const [columns, width] of [
      [60, 59],
      [0, 79],
      [Number.NaN, 79],
    ] as const) {
      const { clock, progress, written } = open({ tty: true, columns });
      progress(1, 'x'.repeat(64));
      clock.advance(1_000);
      progress(2, 'x'.repeat(64));
      expect(screenOf(written).at(-1)?.length).toBeLessThanOrEqual(width);
    }
  });

  it('terminal: closing it leaves no bar', () => {
    const { progress, terminal, written } = open({ tty: true });
    progress(5 * MB);
    terminal.close();
    terminal.close();

    expect(screenOf(written)).toEqual(['']);
  });
});
