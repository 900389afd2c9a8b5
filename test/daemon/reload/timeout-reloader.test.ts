import { describe, expect, it } from 'vitest';
import { TimeoutReloader } from '#daemon/reload/timeout-reloader.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';

const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };

function settingsWith(section: object) {
  const settings = testSettings('/x');
  return { ...settings, response_timeout: { ...settings.response_timeout, ...section } };
}

describe('timeout reloader: a reload', () => {
  it('gives the model the section, and reports each changed key', async () => {
    const model = new ResponseTimeoutModel();
    const room = new TimeoutReloader(model);
    await room.commit(null, settingsWith({ mode: 'fixed', base_ms: 45_000 }));
    expect(model.plan(ROUTE, 1, 0)).toMatchObject({ firstByteMs: 45_000, silenceMs: 45_000 });

    const from = settingsWith({ mode: 'fixed', base_ms: 45_000 });
    const to = settingsWith({ mode: 'adaptive', base_ms: 45_000, max_ms: 60_000, total_max_ms: 90_000 });
    const { changes } = await room.commit(from, to);

    expect(changes.map(({ key }) => key)).toEqual([
      'response_timeout.mode',
      'response_timeout.max_ms',
      'response_timeout.total_max_ms',
    ]);
    expect(model.plan(ROUTE, 1, 0)).toMatchObject({ firstByteMs: 60_000, silenceMs: 60_000, totalMs: 90_000 });
  });

  it('keeps what was learned', async () => {
    const model = new ResponseTimeoutModel();
    const times = { firstByteMs: 400_000, longestSilenceMs: 100, totalMs: 400_000 };
    model.observe(ROUTE, { size: 1, ok: true, timedOut: null, ...times, atMs: 0 });
    const learned = model.save();

    await new TimeoutReloader(model).commit(null, settingsWith({ mode: 'fixed' }));

    expect(model.save()).toEqual(learned);
  });
});
