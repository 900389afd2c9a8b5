import { describe, expect, it } from 'vitest';
import { seedSchema } from '#control/timeouts.ts';
import { explainTimeouts, seedTimeouts } from '#daemon/answers/timeouts.ts';
import { LAST_MOMENT_MS } from '#system/moment.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { openRig } from '#test/support/round-rig.ts';
import { testSettings } from '#test/support/test-settings.ts';

const FEED = 'https://updates.example.com/feed.json';
const PROXY = { name: 'corp', address: 'proxy.example.com', port: 3128, default: true };
const ROUTE = { proxy: 'http://proxy.example.com:3128', origin: 'https://updates.example.com' };
const SEED = {
  id: '1602503',
  size: 20_000_000,
  elapsed_ms: 57_000,
  longest_silence_ms: 53_000,
  ended_at: 1_370_390_707_000,
};

const open = async (over: Record<string, unknown> = { updates: { feed_url: FEED }, proxies: [PROXY] }) =>
  (await openRig({ files: new CrashingFiles(), dir: '/d', settings: testSettings('/d', over) })).ports;

describe('timeouts: the explanation', () => {
  it('timeouts: the explanation has the route of updates before any download, and the given size', async () => {
    const { routes, mode } = explainTimeouts(await open(), 48_000_000);
    expect(mode).toBe('adaptive');
    expect(routes).toHaveLength(1);
    expect(routes[0]).toMatchObject({ ...ROUTE, kind: null, changed: null, evidence: { downloads: 0, newest: null } });
    expect(routes[0]?.plans.map(({ size }) => size)).toEqual([1_000_000, 10_000_000, 48_000_000, 100_000_000]);
    expect(routes[0]?.plans[0]).toMatchObject({ first_byte_ms: 120_000, why: 'no history of this route' });
    const http = await open({ updates: { feed_url: FEED.replace('https', 'http') }, proxies: [PROXY] });
    expect(explainTimeouts(http, null).routes[0]?.plans[0]?.first_byte_ms).toBe(301_000);
  });

  it('timeouts: the explanation has every known route, and none when nothing is set', async () => {
    const ports = await open();
    const other = { proxy: 'direct', origin: 'https://mirror.example.com' };
    ports.model.observe(other, {
      size: 5,
      ok: true,
      timedOut: null,
      firstByteMs: 1,
      longestSilenceMs: 1,
      totalMs: 2,
      atMs: 3,
    });
    ports.habits.observeKind(other, 'streaming');
    expect(explainTimeouts(ports, null).routes.map(({ origin, kind }) => [origin, kind])).toEqual([
      [ROUTE.origin, null],
      [other.origin, 'streaming'],
    ]);
    expect(explainTimeouts(await open({}), null).routes).toEqual([]);
  });

  it('has a route without a proxy', async () => {
    expect(explainTimeouts(await open({ updates: { feed_url: FEED } }), null).routes[0]?.proxy).toBe('direct');
  });
});

describe('timeouts: samples of an old log', () => {
  it.each([{ elapsed_ms: 1e300 }, { longest_silence_ms: 1e300 }, { ended_at: 1e300 }, { size: 2 ** 53 }])(
    'are refused with a number that no clock can show: %j',
    (fields) => {
      expect(seedSchema.safeParse([SEED]).success).toBe(true);
      expect(seedSchema.safeParse([{ ...SEED, ...fields }]).success).toBe(false);
    },
  );

  it('do not get a date in the future, or they would never age', async () => {
    const ports = await open();
    await seedTimeouts(ports, [{ ...SEED, ended_at: LAST_MOMENT_MS }]);
    const { newest } = explainTimeouts(ports, null).routes[0]?.evidence ?? {};
    expect(Date.parse(newest ?? '')).toBeLessThanOrEqual(ports.clock.now());
  });

  it('timeouts: samples of an old log count once, for the route of updates, across restarts', async () => {
    const ports = await open();
    expect(await seedTimeouts(ports, [SEED, { ...SEED, id: '7' }])).toEqual({
      route: ROUTE,
      taken: 2,
      known_before: 0,
    });
    expect(await seedTimeouts(ports, [SEED])).toEqual({ route: ROUTE, taken: 0, known_before: 1 });
    const [route] = explainTimeouts(ports, null).routes;
    expect(route?.evidence).toMatchObject({ downloads: 2, longest_wait_ms: 53_000, largest: 20_000_000 });
    expect(await ports.files.facts('/d/state/timeouts.json')).not.toBeNull();
  });

  it('are ignored if no route is known', async () => {
    expect(await seedTimeouts(await open({}), [SEED])).toEqual({ route: null, taken: 0, known_before: 0 });
  });
});
