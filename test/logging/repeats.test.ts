import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { EVENTS, type SallyportEvent } from '#logging/events.ts';
import { type LogRecord, toRecord } from '#logging/record.ts';
import { type Repeated, Repeats } from '#logging/repeats.ts';
import { NO_SECRETS } from '#redaction/redact.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const WINDOW_MS = 600_000;
const STORY: readonly SallyportEvent[] = [
  { name: 'downloading', id: '1' },
  { name: 'resuming', id: '1', offset: 5, length: 9 },
  { name: 'response-via', via: '1.1 proxy' },
  { name: 'published', id: '1', path: '/x' },
  { name: 'acknowledging', id: '1' },
  { name: 'withdrawn', id: '1', path: '/x' },
];
const COMPLAINTS: readonly SallyportEvent[] = [
  { name: 'package-problem', id: '1', error: coded('FILE-SYMLINK', { path: 'a' }) },
  { name: 'package-problem', id: '2', error: coded('FILE-SYMLINK', { path: 'a' }) },
  { name: 'config-warning', file: 'f', line: 1, column: 1, key: 'k', message: 'm' },
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
  it('are shown once and summed up when another line comes', () => {
    const { clock, shown, offer } = rig();
    const [complaint, other] = COMPLAINTS as [SallyportEvent, SallyportEvent];
    for (let times = 0; times < 4; times += 1) {
      offer(complaint);
      clock.advance(10_000);
    }
    offer(other);

    expect(shown.map(({ sum }) => sum && [sum.above, sum.count, sum.elapsedMs])).toEqual([
      null,
      [true, 3, 30_000],
      null,
    ]);
  });

  it('are summed up when the window ends, and then shown anew', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    offer(complaint);
    clock.advance(60_000);
    offer(complaint);
    clock.advance(WINDOW_MS - 60_000);
    expect(shown.map(({ at, sum }) => [at, sum?.count])).toEqual([
      [0, undefined],
      [WINDOW_MS, 1],
    ]);

    offer(complaint);
    expect(shown).toHaveLength(3);
  });

  it('of a failure each minute make one line in ten minutes, whatever story is told between', () => {
    const { clock, shown, offer } = rig();
    const [complaint] = COMPLAINTS as [SallyportEvent];
    const [story] = STORY as [SallyportEvent];
    for (let minute = 0; minute < 20; minute += 1) {
      offer(story);
      offer(complaint);
      clock.advance(60_000);
    }

    expect(shown.filter(({ record }) => record.name === story.name)).toHaveLength(20);
    expect(shown.flatMap(({ sum }) => (sum === null ? [] : [[sum.above, sum.count]]))).toEqual([
      [false, 9],
      [false, 9],
    ]);
  });

  it('of what is told at debug, of warnings that belong to the story, and of info are never folded', () => {
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
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400_000 })),
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

  it('are told of a line above only right below it or below its last sum', () => {
    const step = fc.tuple(fc.constantFrom(...STORY, ...COMPLAINTS), fc.integer({ min: 0, max: 400_000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, shown, offer } = rig();
        for (const [event, pause] of steps) {
          offer(event);
          clock.advance(pause);
        }
        shown.forEach(({ sum }, index) => {
          const before = shown[index - 1];
          if (sum?.above) expect(before?.sum?.of ?? before?.record).toBe(sum.of);
        });
      }),
    );
  });
});

describe('the story', () => {
  it.each(['downloading', 'resuming', 'response-via', 'acknowledging', 'published', 'withdrawn'] as const)(
    'has %s, which is never folded',
    (name) => {
      const event = EVENTS[name];

      expect(event.level === 'info' || 'story' in event).toBe(true);
    },
  );
});
