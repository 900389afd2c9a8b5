// A path cuts, stalls or is down: the daemon's own schedule still completes the package, and no byte is sent twice.
// Sizes are a hundredth of those in the field, and time runs 30 to 100 times as fast; the sockets are real.

import { describe, it, type TestContext } from 'vitest';
import { Schedule } from '#daemon/schedule/schedule.ts';
import type { ScheduleRecord } from '#daemon/schedule/schedule-state.ts';
import { systemClock } from '#system/clock.ts';
import { type BadPath, type BadPathOptions, startBadPath } from '#test/support/bad-path.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const FASTER = 30;
/** For deadlines of minutes. */
const MUCH_FASTER = 100;
const MINUTE_MS = 60_000;
const JAR = makeJar('u1', 2_000_000);
interface Place {
  readonly origin: ScriptedOrigin;
  readonly path: BadPath;
  readonly files: CrashingFiles;
  /** Field time until the package is complete. */
  arrived(limitMs: number): Promise<number>;
}

/** A daemon's schedule behind a proxy that is reached over this path, until the test ends. */
async function behind(
  { onTestFinished, expect: expectHere }: TestContext,
  bad: Omit<BadPathOptions, 'targetPort'>,
  over: Record<string, unknown> = {},
  faster = FASTER,
): Promise<Place> {
  const origin = await startScriptedOrigin();
  const path = await startBadPath({ targetPort: Number(new URL(origin.url).port), ...bad });
  const [files, clock] = [new CrashingFiles(), scaledClock(faster)];
  const name = 'http://127.0.0.1:9';
  origin.serve(`${name}/feed.json`, feedOf([itemFor('u1', JAR)]), 'application/json');
  origin.serve(`${name}/u1.jar`, JAR);
  const settings = testSettings('/d', {
    retry: {},
    updates: { feed_url: `${name}/feed.json` },
    proxies: [{ name: 'corp', address: '127.0.0.1', port: path.port, default: true }],
    ...over,
  });
  const rig = await openRig({ files, dir: '/d', settings, clock, routerClock: systemClock });
  let record: ScheduleRecord | null = null;
  const schedule = new Schedule({
    name: 'updates',
    timetable: () => ({ expression: '0 */6 * * *', timeZone: 'UTC', jitterSeconds: 0, maxDelaySeconds: 21_600 }),
    isFirst: () => true,
    agentId: 'agent',
    clock,
    state: {
      get: () => record,
      put: (_name, next) => {
        record = next;
      },
      save: () => Promise.resolve(),
    },
    report: () => undefined,
    onStep: () => undefined,
    onUnsaved: () => undefined,
    packageRetryAt: () => rig.ports.retries.nextAt(),
    onDue: (scope) =>
      void rig.round(stop.signal, scope).then(
        (ended) => schedule.ended(ended),
        () => undefined,
      ),
  });
  const stop = new AbortController();
  onTestFinished(async () => {
    schedule.stop();
    stop.abort(new Error('the test is over'));
    await path.close();
    await origin.close();
  });
  const begun = clock.monotonic();
  schedule.start();
  return {
    origin,
    path,
    files,
    async arrived(limitMs) {
      while (files.content('/d/packages/u1.jar') === null && clock.monotonic() - begun < limitMs) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expectHere(files.content('/d/packages/u1.jar')?.equals(JAR)).toBe(true);
      return clock.monotonic() - begun;
    },
  };
}

describe('bad path', () => {
  it('bad path: a package comes through a path that resets each tenth of it', { timeout: 120_000 }, async (context) => {
    const { path, arrived } = await behind(context, { cutAfterBytes: 200_000 });
    await arrived(5 * MINUTE_MS);
    context.expect(path.passed).toBeLessThanOrEqual(JAR.length * 1.05);
  });

  // At the same time: these wait most of their time, and no deadline of theirs is short.
  it.concurrent.for([
    ['refuses connections', 'refused'],
    ['resets them', 'reset'],
  ] as const)(
    'bad path: a package completes although the proxy %s for 90 seconds',
    { timeout: 30_000 },
    async ([, how], context) => {
      const { origin, path, arrived } = await behind(context, { cutAfterBytes: 200_000 }, {}, 2 * FASTER);
      await context.expect.poll(() => origin.asked.length, { interval: 2, timeout: 10_000 }).toBeGreaterThan(3);
      void path.leave(90_000 / (2 * FASTER), how);
      await arrived(10 * MINUTE_MS);
      // A path that accepts and resets connections does not show whether the range request was the cause.
      context.expect(path.passed).toBeLessThanOrEqual(JAR.length * (how === 'refused' ? 1.05 : 2));
    },
  );

  it.concurrent('bad path: a package comes through a path that never stops stalling, with shipped settings', {
    timeout: 300_000,
  }, async (context) => {
    const { path, arrived } = await behind(context, { cutAfterBytes: 1_050_000, how: 'stall' }, {}, MUCH_FASTER);
    await arrived(60 * MINUTE_MS);
    context.expect(path.passed).toBeLessThanOrEqual(JAR.length * 1.05);
  });

  it('bad path: a package comes through a path that never stops stalling, with mode fixed', {
    timeout: 30_000,
  }, async (context) => {
    const response_timeout = { mode: 'fixed', base_ms: 10_000 };
    const { path, arrived } = await behind(context, { cutAfterBytes: 450_000, how: 'stall' }, { response_timeout });
    await arrived(5 * MINUTE_MS);
    context.expect(path.passed).toBeLessThanOrEqual(JAR.length * 1.05);
  });
});
