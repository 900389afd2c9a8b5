import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probesFor } from '#daemon/trial/probes.ts';
import { type Probe, runProbe } from '#diagnose/probe.ts';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { testRouter } from '#test/support/test-router.ts';
import { type RouteName, startTestRoutes, type TestRoutes } from '#test/support/test-routes.ts';
import { testSettings } from '#test/support/test-settings.ts';

let routes: TestRoutes;
beforeAll(async () => {
  routes = await startTestRoutes();
});
afterAll(() => routes.close());

/** Long compared with the silences of a busy machine. */
const PATIENT = { response_timeout: { mode: 'fixed', base_ms: 1_000_000 } };
const NEVER = new AbortController().signal;
const parts = { report: () => undefined, upgradeTimeoutMs: 30_000 };

/** What the probe of updates reports over this route, on a clock that runs 300 times as fast. */
async function probeUpdates(way: RouteName) {
  const { proxies, base } = routes.settings(way);
  const settings = testSettings('/data', { proxies, updates: { feed_url: `${base}feed.json` }, ...PATIENT });
  const rig = await openRig({
    files: new CrashingFiles(),
    dir: '/data',
    settings,
    clock: scaledClock(300),
    routerClock: systemClock,
    updatesTls: routes.trust,
  });
  const { clock, router } = rig.ports;
  const [probe] = probesFor(rig.ports, settings);
  return await runProbe(probe ?? expect.fail('no probe'), { ...parts, clock, router, signal: NEVER });
}

describe('diagnose: a feed that drips ends at a deadline, with what it did', () => {
  it.each(['direct', 'tunnel'] as const)('%s', async (way) => {
    routes.answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
      const timer = setInterval(() => socket.write(' '), 5);
      socket.on('close', () => clearInterval(timer));
    };
    const { failure, observed } = await probeUpdates(way);
    expect(failure).toMatchObject({ code: 'DOCUMENT-TIMEOUT' });
    expect(observed.at(-1)).toMatchObject({ error: { code: 'DOCUMENT-TIMEOUT' } });
  });
});

describe('a diagnosis deadline', () => {
  const url = new URL('https://localhost/');
  const base = { purpose: 'updates', target: url, enabled: true, upgrade: null, testUploads: [] } as const;

  it('ends a hanging probe as DIAGNOSIS-LATE, and no other host is tried', async () => {
    const clock = new FakeClock();
    const probe: Probe = {
      ...base,
      endpoints: [{ url, always: true }],
      ask: ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        }),
    };
    const result = runProbe(probe, { ...parts, clock, router: testRouter(), signal: NEVER });
    clock.advance(360_000);
    const { failure, endpoints } = await result;
    expect(failure).toMatchObject({ code: 'DIAGNOSIS-LATE', hop: null });
    expect(endpoints).toMatchObject([{ tried: false }]);
    expect(clock.pending).toBe(0);
  });

  it('is not used for an abort, which rejects with its reason', async () => {
    const stop = new AbortController();
    const probe: Probe = {
      ...base,
      endpoints: [],
      ask: () => {
        stop.abort(new Error('stop'));
        return Promise.reject(stop.signal.reason as Error);
      },
    };
    const result = runProbe(probe, { ...parts, clock: new FakeClock(), router: testRouter(), signal: stop.signal });
    await expect(result).rejects.toThrow('stop');
  });
});
