import { describe, expect, it } from 'vitest';
import type { Parts } from '#daemon/parts.ts';
import { LogsSchedule } from '#daemon/schedule/logs-schedule.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HOUR_MS = 3_600_000;

function rig(files = new CrashingFiles(), clock = new FakeClock(Date.UTC(2026, 10, 30, 2))) {
  files.plantFolder('/state');
  const started: string[] = [];
  const section = { schedule: '0 3 * * *' as string | undefined, jitter_seconds: 0 };
  const jobs = { request: () => Promise.resolve(started.push(new Date(clock.now()).toISOString())) };
  const parts = {
    files,
    clock,
    report: () => undefined,
    config: { watch: () => undefined },
    ports: {
      settings: () => ({ support_logs: section, time_zone: 'UTC', daemon: { state_dir: '/state' } }),
      agent: { id: 'agent-1' },
    },
    uploads: { bundles: { refusal: null, require: () => Promise.resolve({ jobs }) } },
  } as unknown as Parts;
  return { files, clock, started, section, parts };
}

describe('schedule of support logs', () => {
  it('starts one job at each slot, and none at the first start', async () => {
    const { clock, started, parts } = rig();
    const schedule = await LogsSchedule.start(parts);
    await clock.advanceAsync(HOUR_MS + 60_000);
    expect(started).toHaveLength(1);
    await clock.advanceAsync(24 * HOUR_MS);
    schedule.stop();

    expect(started).toHaveLength(2);
    expect(started[0]).toMatch(/^2026-11-30T03:00/);
  });

  it('makes up for missed slots with one job after a restart', async () => {
    const first = rig();
    const schedule = await LogsSchedule.start(first.parts);
    await first.clock.advanceAsync(60_000);
    schedule.stop();
    const later = rig(first.files.afterCrash('power-lost'), new FakeClock(Date.UTC(2026, 11, 3, 12)));
    const again = await LogsSchedule.start(later.parts);
    await later.clock.advanceAsync(5 * 60_000);
    again.stop();

    expect(later.started).toHaveLength(1);
  });

  it('starts nothing without a schedule', async () => {
    const { clock, started, section, parts } = rig();
    section.schedule = undefined;
    const schedule = await LogsSchedule.start(parts);
    await clock.advanceAsync(48 * HOUR_MS);
    schedule.stop();

    expect(started).toEqual([]);
  });
});
