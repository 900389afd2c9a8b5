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
  it('repeats: lines of two purposes are counted separately', () => {
    const { shown, offer } = rig();
    const error = coded('FILE-SYMLINK', { path: 'a' });
    offer({ name: 'proxies-unnamed', ...UPDATER, proxy: 'corp', error });
    offer({ name: 'proxies-unnamed', purpose: 'platform', thread: 'Platform', proxy: 'corp', error });

    expect(shown.map(({ record }) => record.thread)).toEqual(['Updater', 'Platform']);
  });

  it('repeats: a repeated line is shown once and summed up before another line', () => {
    const { clock, shown, offer } = rig();
    const [complaint, other] = COMPLAINTS as [SallyportEvent, SallyportEvent];
    for (let times = 0; times < 4; times += 1) {
      offer(complaint);
      clock.advance(1_000);
    }
    offer(other);

    expect(shown.map(({ sum }) => sum && [sum.count, sum.elapsedMs])).toEqual([null, [3, 3_000], null]);
  });

  it('repeats: counts are shown after 10 s, so that a crash loses no older ones', () => {
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

  it('repeats: a storm takes two lines in ten seconds, however long it is', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    for (let tenth = 0; tenth < 600; tenth += 1) {
      offer(complaint);
      clock.advance(100);
    }

    expect(shown).toHaveLength(12);
    expect(shown.reduce((sum, one) => sum + (one.sum?.count ?? 1), 0)).toBe(600);
  });

  it('repeats: lines that repeat a minute apart are all shown', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    for (let minute = 0; minute < 20; minute += 1) {
      offer(complaint);
      clock.advance(60_000);
    }

    expect(shown.map(({ sum }) => sum)).toEqual(Array.from({ length: 20 }, () => null));
  });

  it('repeats: attempts, verdicts on an edit and info lines are always shown', () => {
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

  it('repeats: a flush leaves no timer', () => {
    const { clock, repeats, offer } = rig();
    for (const event of COMPLAINTS) offer(event);
    repeats.flush();

    expect(clock.pending).toBe(0);
  });

  it('repeats: the number of remembered lines is limited, and no count is lost', () => {
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

  it('repeats: lines keep their order, and lines and counts add up', () => {
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
  it('repeats: no event of an attempt, check, edit, receipt or hook may be counted', () => {
    const folding = Object.entries(EVENTS).flatMap(([name, event]) => ('folds' in event ? [name] : []));

    expect(
      folding.filter((name) => /download|check|reload|change|receipt-(?!q)|hook|file-held|config-[mw]/.test(name)),
    ).toEqual([]);
    for (const name of folding) expect(EVENTS[name as keyof typeof EVENTS].level).toMatch(/^(?:warn|error)$/);
  });
});
