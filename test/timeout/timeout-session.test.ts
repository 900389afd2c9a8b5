import { describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { PathHabits } from '#path/habits.ts';
import type { TransferShape } from '#path/kind.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { TimeoutMemory } from '#timeout/memory.ts';
import { type AttemptOutcome, ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import { TimeoutSession } from '#timeout/timeout-session.ts';

const MB = 1_000_000;
const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };
const ITEM = { id: 'u1', sha256: 'a'.repeat(64) };

/** A Sallyport that only waits. */
async function open(over: Record<string, unknown> = {}, files = new CrashingFiles()) {
  const settings: Settings = testSettings('/d', { response_timeout: over });
  const clock = new FakeClock();
  const events: SallyportEvent[] = [];
  await files.makeDirectory('/d/state', 0o700);
  const timeouts = new TimeoutMemory(files, '/d/state/timeouts.json');
  await timeouts.load();
  const model = new ResponseTimeoutModel(timeoutSettings(settings), timeouts.learned);
  const habits = new PathHabits(files, '/d/state/paths.json', { clock });
  const ports = {
    model,
    timeouts,
    habits,
    clock,
    settings: () => settings,
    report: (e: SallyportEvent) => void events.push(e),
  };
  const timeoutSession = (item = ITEM) => new TimeoutSession(ports, item);
  return { ...ports, files, clock, events, timeoutSession };
}

type Waiting = Awaited<ReturnType<typeof open>>;

function shape(over: Partial<TransferShape>): TransferShape {
  return {
    endedMs: 54_000,
    firstByteMs: 53_000,
    earlyMs: 53_100,
    lateMs: 53_900,
    timedOut: false,
    whole: true,
    cached: false,
    throttled: false,
    ...over,
  };
}

const success = (over: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  size: 48 * MB,
  ok: true,
  timedOut: null,
  firstByteMs: 53_000,
  longestSilenceMs: 200,
  totalMs: 54_000,
  atMs: 0,
  ...over,
});
const timeout = success({ ok: false, timedOut: 'first_byte', firstByteMs: null, longestSilenceMs: null });

/** One attempt from plan to verdict. */
async function attempt(
  waiting: Waiting,
  outcome: AttemptOutcome,
  over: { verified?: boolean; whole?: boolean; during?: () => void } = {},
) {
  const timeoutSession = waiting.timeoutSession();
  const plan = timeoutSession.plan(ROUTE, outcome.size);
  over.during?.();
  timeoutSession.observe(
    ROUTE,
    outcome,
    shape({ whole: outcome.ok, timedOut: outcome.timedOut !== null, endedMs: outcome.totalMs ?? 0 }),
  );
  await timeoutSession.settle({ verified: over.verified ?? outcome.ok, whole: over.whole ?? true });
  return plan;
}

const learned = ({ model }: Waiting) => model.samples(ROUTE).length;

describe('what an attempt teaches', () => {
  it('timeout session: a second request of an attempt waits twice as long as the one before it', async () => {
    const session = (await open()).timeoutSession();
    const first = session.plan(ROUTE, 48 * MB);
    const second = session.plan(ROUTE, 48 * MB, { plan: first, timedOut: 'first_byte' });
    expect([second.firstByteMs, second.silenceMs]).toEqual([2 * first.firstByteMs, 2 * first.silenceMs]);
    session.observe(
      ROUTE,
      success({ ok: false, timedOut: 'first_byte', firstByteMs: null }),
      shape({ timedOut: true }),
    );
    await session.settle({ verified: false, whole: false });
    expect(session.plan(ROUTE, 48 * MB).firstByteMs).toBe(2 * first.firstByteMs);
  });

  it('is nothing before its digest is verified', async () => {
    const waiting = await open();
    await attempt(waiting, success(), { verified: false });
    expect(learned(waiting)).toBe(0);
    expect(waiting.habits.kindOf(ROUTE)).toBeNull();
    await attempt(waiting, success());
    expect(learned(waiting)).toBe(1);
  });

  it('is nothing if it resumed an earlier one', async () => {
    const waiting = await open();
    await attempt(waiting, success(), { whole: false });
    expect(learned(waiting)).toBe(0);
  });

  it.each([
    ['slept', 60_000],
    ['had its clock set back', -60_000],
  ])('is nothing if the machine %s, even if a deadline ended it', async (_how, step) => {
    const waiting = await open();
    const during = () => waiting.clock.stepWall(step);
    const first = await attempt(waiting, timeout, { during });
    await attempt(waiting, success(), { during });
    expect(learned(waiting)).toBe(0);
    expect(waiting.timeoutSession().plan(ROUTE, 48 * MB)).toEqual(first);
  });

  it('is remembered by its kind', async () => {
    const waiting = await open();
    await attempt(waiting, success());
    expect(waiting.habits.kindOf(ROUTE)).toBe('held');
  });
});

describe('the attempt after a timeout', () => {
  it('waits at least twice as long, for this package only', async () => {
    const waiting = await open();
    const first = await attempt(waiting, timeout);
    expect(waiting.timeoutSession().plan(ROUTE, 48 * MB).firstByteMs).toBe(2 * first.firstByteMs);
    expect(waiting.timeoutSession({ ...ITEM, sha256: 'b' }).plan(ROUTE, 48 * MB).firstByteMs).toBe(first.firstByteMs);
  });

  it('does so also after a restart: a restart changes no plan', async () => {
    const before = await open();
    for (const mb of [1, 20, 48]) await attempt(before, success({ size: mb * MB, firstByteMs: mb * 1_000 }));
    await attempt(before, timeout);
    const after = await open({}, before.files);
    for (const mb of [0, 1, 10, 48, 1_000]) {
      expect(after.timeoutSession().plan(ROUTE, mb * MB)).toEqual(before.timeoutSession().plan(ROUTE, mb * MB));
    }
  });

  it('uses the usual timeout once the package is complete', async () => {
    const waiting = await open();
    await attempt(waiting, timeout);
    await attempt(waiting, success());
    expect(waiting.timeouts.attempt(`${ITEM.id} ${ITEM.sha256}`)).toBeNull();
  });
});

describe('the text of a timeout', () => {
  const words = ({ timeoutSession }: Waiting) => {
    const one = timeoutSession();
    return one.words(ROUTE, one.plan(ROUTE, 48 * MB));
  };

  it('names what this proxy has shown, and its kind', async () => {
    const waiting = await open();
    expect(words(waiting).words.observed).toBe('no package has arrived on this route before');
    await attempt(waiting, success());
    expect(words(waiting).words.observed).toBe(
      'this proxy has held packages of this size for up to 53 s (held back until scanned)',
    );
  });

  it('names the size if it is another one', async () => {
    const waiting = await open();
    await attempt(waiting, success({ size: 2 * MB }));
    expect(words(waiting).words.observed).toContain('this proxy has held 2.0 MB for 53 s');
  });

  it('names the key that fixes it', async () => {
    expect(words(await open({ mode: 'fixed' })).key).toBe('response_timeout.base_ms');
    expect(words(await open({ max_ms: 20_000 })).key).toBe('response_timeout.max_ms');
    const adaptive = words(await open());
    expect(adaptive.key).toBe('response_timeout.mode');
    expect(adaptive.words.advice).toContain('twice as long');
  });
});

describe('timeout session: a changed timeout', () => {
  it('is reported with its reasons, once', async () => {
    const waiting = await open();
    for (let n = 0; n < 12; n += 1) await attempt(waiting, success({ firstByteMs: 1_000, totalMs: 2_000 }));
    const told = waiting.events.filter(({ name }) => name === 'patience-changed');
    expect(told.length).toBeGreaterThan(0);
    expect(told[0]).toMatchObject({ size: 48 * MB, from: 348_000, before: 'no history of this route' });
    const { changed } = waiting.timeouts.route(ROUTE) ?? {};
    expect(changed?.after).toContain('few downloads have been measured');
    waiting.timeoutSession().plan(ROUTE, 48 * MB);
    waiting.timeoutSession().plan(ROUTE, 48 * MB);
    expect(waiting.events.filter(({ name }) => name === 'patience-changed').length - told.length).toBeLessThan(2);
  });
});

it('timeout session: a disk that refuses writes does not fail a download', async () => {
  const waiting = await open();
  waiting.files.arm({ fullAfterBytes: 0 });
  await attempt(waiting, success());
  expect(learned(waiting)).toBe(1);
});
