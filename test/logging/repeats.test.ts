import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import { type LogRecord, toRecord } from '#logging/record.ts';
import { type Repeated, Repeats } from '#logging/repeats.ts';
import { NO_SECRETS } from '#redaction/redact.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { UPDATER } from '#test/support/updater.ts';

const STORM_MS = 10_000;
const STORY: readonly SallyportEvent[] = [
  { name: 'downloading', id: '1' },
  { name: 'resuming', id: '1', offset: 5, length: 9 },
  { name: 'response-via', ...UPDATER, via: '1.1 proxy' },
  { name: 'published', id: '1', path: '/x' },
  { name: 'acknowledging', id: '1' },
  { name: 'withdrawn', id: '1', path: '/x' },
  { name: 'download-failed', id: '1', hop: 'this host', error: coded('FILE-SYMLINK', { path: 'a' }) },
  { name: 'config-mistake', file: 'f', line: 1, column: 1, key: 'k', message: 'm' },
];
const COMPLAINTS: readonly SallyportEvent[] = [
  { name: 'package-problem', id: '1', error: coded('FILE-SYMLINK', { path: 'a' }) },
  { name: 'package-problem', id: '2', error: coded('FILE-SYMLINK', { path: 'a' }) },
  { name: 'state-set-aside', error: coded('FILE-SYMLINK', { path: 'a' }) },
];

function rig() {
  const clock = new FakeClock();
  const shown: { at: number; record: LogRecord; sum: Repeated | null }[] = [];
  const sums = new Map<LogRecord, Repeated>();
  const repeats = new Repeats({
    clock,
    show: (record) => void shown.push({ at: clock.monotonic(), record, sum: sums.get(record) ?? null }),
    sumUp: (repeated) => {
      const record = { ...repeated.of, name: 'repeated' as const, message: `sum of ${repeated.of.message}` };
      sums.set(record, repeated);
      return record;
    },
  });
  const offer = (event: SallyportEvent) => repeats.offer(toRecord(event, clock.now(), NO_SECRETS));
  return { clock, repeats, shown, offer };
}

describe('repeats', () => {
  it('of two purposes are two lines', () => {
    const { shown, offer } = rig();
    const error = coded('FILE-SYMLINK', { path: 'a' });
    offer({ name: 'proxies-unnamed', ...UPDATER, proxy: 'corp', error });
    offer({ name: 'proxies-unnamed', purpose: 'platform', thread: 'Platform', proxy: 'corp', error });

    expect(shown.map(({ record }) => record.thread)).toEqual(['Updater', 'Platform']);
  });

  it('are shown once and summed up when another line comes', () => {
    const { clock, shown, offer } = rig();
    const [complaint, other] = COMPLAINTS as [SallyportEvent, SallyportEvent];
    for (let times = 0; times < 4; times += 1) {
      offer(complaint);
      clock.advance(1_000);
    }
    offer(other);

    expect(shown.map(({ sum }) => sum && [sum.count, sum.elapsedMs])).toEqual([null, [3, 3_000], null]);
  });

  it('are summed up 10 s after the line, so that a crash loses no older count, and then shown again', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    offer(complaint);
    clock.advance(3_000);
    offer(complaint);
    clock.advance(STORM_MS - 3_000);
    expect(shown.map(({ at, sum }) => [at, sum?.count])).toEqual([
      [0, undefined],
      [STORM_MS, 1],
    ]);

    offer(complaint);
    expect(shown).toHaveLength(3);
  });

  it('of a storm take two lines in ten seconds, however many come', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    for (let tenth = 0; tenth < 600; tenth += 1) {
      offer(complaint);
      clock.advance(100);
    }

    expect(shown).toHaveLength(12);
    expect(shown.reduce((sum, one) => sum + (one.sum?.count ?? 1), 0)).toBe(600);
  });

  it('a minute apart are no storm: each is shown', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    for (let minute = 0; minute < 20; minute += 1) {
      offer(complaint);
      clock.advance(60_000);
    }

    expect(shown.map(({ sum }) => sum)).toEqual(Array.from({ length: 20 }, () => null));
  });

  it('of attempts, verdicts on an edit and info lines are never counted instead of shown', () => {
    const { shown, offer } = rig();
    for (const event of [
      ...STORY,
      { name: 'waiting', id: '1', limit: 29_000, size: 20_000_000, explanation: 'x' } as const,
    ]) {
      offer(event);
      offer(event);
    }

    expect(shown).toHaveLength(2 * (STORY.length + 1));
  });

  it('keep no timer once they were flushed', () => {
    const { clock, repeats, offer } = rig();
    for (const event of COMPLAINTS) offer(event);
    repeats.flush();

    expect(clock.pending).toBe(0);
  });

  it('remember a bounded number of lines, and lose no count by it', () => {
    const { repeats, shown, offer } = rig();
    const offered = 2 * 500;
    for (let times = 0; times < 2; times += 1) {
      for (let id = 0; id < 500; id += 1) {
        offer({ name: 'package-problem', id: String(id), error: coded('FILE-SYMLINK', { path: 'a' }) });
      }
    }
    repeats.flush();

    expect(shown.reduce((sum, one) => sum + (one.sum?.count ?? 1), 0)).toBe(offered);
  });

  it('lose nothing: the story stands whole and in order, and lines and counts add up', () => {
    const step = fc.record({
      event: fc.constantFrom(...STORY, ...COMPLAINTS, ...COMPLAINTS, ...COMPLAINTS),
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15_000 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, repeats, shown, offer } = rig();
        const offered: string[] = [];
        for (const { event, pause } of steps) {
          offered.push(toRecord(event, 0, NO_SECRETS).message);
          offer(event);
          clock.advance(pause);
        }
        repeats.flush();

        const isStory = (event: SallyportEvent) => STORY.includes(event);
        const told = shown.filter(({ record, sum }) => sum === null && STORY.some(({ name }) => name === record.name));
        expect(told.map(({ record }) => record.name)).toEqual(
          steps.filter(({ event }) => isStory(event)).map(({ event }) => event.name),
        );
        for (const message of new Set(offered)) {
          const lines = shown.filter(({ record, sum }) => sum === null && record.message === message);
          const counted = shown.reduce((all, { sum }) => all + (sum?.of.message === message ? sum.count : 0), 0);
          expect(lines.length + counted).toBe(offered.filter((one) => one === message).length);
        }
      }),
    );
  });
});

describe('the events that may be counted', () => {
  it('are none of an attempt, of a check, of an edit, of a receipt or of the hook', () => {
    const folding = Object.entries(EVENTS).flatMap(([name, event]) => ('folds' in event ? [name] : []));

    expect(
      folding.filter((name) => /download|check|reload|change|receipt-(?!q)|hook|file-held|config-[mw]/.test(name)),
    ).toEqual([]);
    for (const name of folding) expect(EVENTS[name as keyof typeof EVENTS].level).toMatch(/^(?:warn|error)$/);
  });
});
