// A package that is held past its response timeout by a proxy that answers probes late, or never. One scripted server is
// the proxy and the origin; the sockets are real, and time runs 8 times as fast.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const FASTER = 8;
const LIMIT_MS = 24_000;
/** A probe is sent in the middle of the limit, and is waited for until 20 s after it. */
const ANSWERED_MS = LIMIT_MS + 1_000;
const HELD_MS = LIMIT_MS + 6_000;
const JAR = makeJar('u1', 100_000);

type Answer = (response: ServerResponse, sinceMs: number) => void;

describe('a package behind a proxy that is slow to answer probes', { timeout: 60_000 }, () => {
  it.concurrent.for<readonly [string, Answer, requests: number]>([
    [
      'answers the probe after the timeout',
      (response, sinceMs) => void setTimeout(() => response.end(), Math.max(0, ANSWERED_MS - sinceMs) / FASTER),
      2,
    ],
    ['refuses each probe', (response) => response.destroy(), 1],
  ])(
    'slow probes: a held package arrives at the first try if the proxy %s',
    async ([, answer, requests], { expect }) => {
      const [proxy, clock] = [await startScriptedOrigin(), scaledClock(FASTER)];
      const name = 'http://127.0.0.1:9';
      let requestedMs: number | null = null;
      let requested = 0;
      const probed = (_request: IncomingMessage, response: ServerResponse) =>
        answer(response, clock.monotonic() - (requestedMs ?? 0));
      for (const path of ['/', name, `${name}/`]) proxy.on(path, probed);
      proxy.serve(`${name}/feed.json`, feedOf([itemFor('u1', JAR)]), 'application/json');
      proxy.on(`${name}/u1.jar`, (_request, response) => {
        requested += 1;
        requestedMs ??= clock.monotonic();
        // A second request is held for longer than the first one.
        setTimeout(() => response.end(JAR), (requested * HELD_MS) / FASTER);
      });
      const settings = testSettings('/data', {
        updates: { feed_url: `${name}/feed.json` },
        proxies: [{ name: 'corp', address: '127.0.0.1', port: Number(new URL(proxy.url).port), default: true }],
        response_timeout: { mode: 'fixed', base_ms: LIMIT_MS },
      });
      const rig = await openRig({ files: new CrashingFiles(), dir: '/data', settings, clock });
      try {
        const { published, failed } = await rig.round();
        const extended = rig.events.filter((event) => event.name === 'wait-extended');
        expect([published, failed, rig.codes()]).toEqual([['u1'], [], []]);
        expect([extended.length, requested]).toEqual([1, requests]);
      } finally {
        await proxy.close();
      }
    },
  );
});
