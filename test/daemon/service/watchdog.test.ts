import { describe, expect, it } from 'vitest';
import { startWatchdog, watchdogLimits } from '#daemon/service/watchdog.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { SILENT_NOTIFIER } from '#system/process/notify.ts';
import type { OverdueWait } from '#system/time/watched-clock.ts';
import { readSource } from '#test/architecture/imports.ts';
import { sourceFiles } from '#test/architecture/layers.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const LIMIT_MS = 60_000;

function rig() {
  const clock = new FakeClock();
  const state = { fed: 0, wait: null as OverdueWait | null, events: [] as SallyportEvent[] };
  const watchdog = startWatchdog({
    notifier: { ...SILENT_NOTIFIER, alive: () => (state.fed += 1) },
    limitMs: LIMIT_MS,
    clock,
    mostOverdue: () => state.wait,
    report: (event) => state.events.push(event),
  });
  return { clock, state, watchdog };
}

describe('watchdog', () => {
  it('is fed at once and then twice in each limit', async () => {
    const { clock, state } = rig();
    expect(state.fed).toBe(1);
    await clock.advanceAsync(LIMIT_MS);
    expect(state.fed).toBe(3);
  });

  it('is fed while a wait is past its end by no more than the grace', async () => {
    const { clock, state } = rig();
    state.wait = { what: 'a response', overdueMs: watchdogLimits.graceMs };
    await clock.advanceAsync(LIMIT_MS);
    expect(state.fed).toBe(3);
  });

  it('is not fed after a wait is overdue beyond the grace; it is logged once', async () => {
    const { clock, state } = rig();
    state.wait = { what: 'a response', overdueMs: watchdogLimits.graceMs + 1 };
    await clock.advanceAsync(4 * LIMIT_MS);
    expect(state.fed).toBe(1);
    expect(state.events.map(({ name }) => name)).toEqual(['wait-stuck']);
  });

  it('is fed again when that wait has ended', async () => {
    const { clock, state } = rig();
    state.wait = { what: 'a response', overdueMs: 600_000 };
    await clock.advanceAsync(LIMIT_MS / 2);
    state.wait = null;
    await clock.advanceAsync(LIMIT_MS / 2);
    expect(state.fed).toBe(2);
  });

  it('checks only after all callbacks that were due meanwhile have run', async () => {
    const { clock, state } = rig();
    state.wait = { what: 'a response', overdueMs: 600_000 };
    clock.advance(LIMIT_MS / 2);
    state.wait = null;
    await clock.advanceAsync(0);
    expect(state.fed).toBe(2);
    expect(state.events).toEqual([]);
  });

  it('leaves no timer after it was stopped', async () => {
    const { clock, state, watchdog } = rig();
    clock.advance(LIMIT_MS / 2);
    watchdog.stop();
    await clock.advanceAsync(LIMIT_MS);
    expect(clock.pending).toBe(0);
    expect(state.fed).toBe(1);
  });

  it('has a fixed grace of 30 s', () => {
    expect(watchdogLimits).toEqual({ graceMs: 30_000 });
    const users = sourceFiles().filter((file) => readSource(file).includes('watchdogLimits'));
    expect(users).toEqual(['daemon/service/watchdog.ts']);
  });
});
