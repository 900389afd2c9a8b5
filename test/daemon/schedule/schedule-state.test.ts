import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScheduleState } from '#daemon/schedule/schedule-state.ts';
import { LAST_MOMENT_MS } from '#system/moment.ts';
import { realFiles } from '#system/real-files.ts';
import { recordOf } from '#test/support/schedule-rig.ts';

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-schedules-'));
  path = join(dir, 'schedules.json');
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe('schedule records', () => {
  it('survive a restart, each by its name', async () => {
    const state = new ScheduleState(realFiles, path);
    expect(await state.load()).toBeNull();
    expect(state.get('updates')).toBeNull();
    state.put('updates', recordOf(1_000, { failures: 3, open: true }));
    state.put('support_logs', recordOf(2_000, { succeeded_at: null }));
    await state.save();

    const next = new ScheduleState(realFiles, path);
    expect(await next.load()).toBeNull();
    expect(next.get('updates')).toEqual(recordOf(1_000, { failures: 3, open: true }));
    expect(next.get('support_logs')).toEqual(recordOf(2_000, { succeeded_at: null }));
  });

  it('with an impossible time are clamped, not discarded', async () => {
    const state = new ScheduleState(realFiles, path);
    state.put('updates', recordOf(1e300));
    await state.save();

    const next = new ScheduleState(realFiles, path);
    expect(await next.load()).toBeNull();
    expect(next.get('updates')?.last_run_at).toBe(LAST_MOMENT_MS);
  });

  it('are written one after the other, and the last one wins', async () => {
    const state = new ScheduleState(realFiles, path);
    const saves = [1, 2, 3, 4, 5].map((at) => {
      state.put('updates', recordOf(at));
      return state.save();
    });
    await Promise.all(saves);

    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ format: 2, schedules: { updates: recordOf(5) } });
  });

  it.each([
    ['damaged', '{"format":1,"schedules":{"updates":{"open":1}}}', 'STATE-DAMAGED'],
    ['of a newer Sallyport', '{"format":3}', 'STATE-NEWER'],
  ])('that are %s are moved aside and named; the next start is a first start', async (_what, content, code) => {
    await writeFile(path, content);
    const state = new ScheduleState(realFiles, path);

    expect(await state.load()).toMatchObject({ code });
    expect(state.get('updates')).toBeNull();
  });

  it('that cannot be written are used anyway', async () => {
    const state = new ScheduleState(realFiles, join(dir, 'missing', 'schedules.json'));
    state.put('updates', recordOf(1));
    await expect(state.save()).rejects.toMatchObject({ code: 'FILE-FAILED' });

    expect(state.get('updates')).toEqual(recordOf(1));
  });
});
