// Fifty links through one Squid with Basic, and a platform that goes away for five seconds. The simulation of a thousand is
// in test/platform/link/fleet.test.ts.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type LinkRig, linkRig } from '#test/platform/support/link-rig.ts';
import { startTestPlatform, type TestPlatform } from '#test/platform/support/test-platform.ts';
import { createCa } from '#test/support/certificates.ts';
import { seeded } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { FIRST_SEED } from '#test/support/rounds.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { type SwitchedRelay, startSwitchedRelay } from '#test/support/switched-relay.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const FLEET = 50;
const NAME = 'fleet.cells.test';
const USER = { user: 'svc', password: 'right' } as const;
const STEP_MS = 250;
/**
 * After the end of a link, its first wait is uniform over 31 s, and the next over 63 s. So a link tries in a given second
 * with at most this probability. Of 50 links, five in the same second are common by chance: whether a peak is below a
 * tenth of the fleet is for the thousand links of the simulation to show.
 */
const CHANCE = 1 / 31 + 1 / 63;
/** All links have tried within this time. */
const SECONDS = 40;
const UNLIKELY = 1e-6;

describeWith(['squid'], 'fifty links through Squid with Basic', () => {
  const clock = new FakeClock();
  let platform: TestPlatform;
  let relay: SwitchedRelay;
  let squid: RunningSquid;
  let rigs: readonly LinkRig[] = [];
  beforeAll(async () => {
    platform = await startTestPlatform(createCa());
    [relay, squid] = await Promise.all([startSwitchedRelay(platform.port), startSquid({ auth: USER, hosts: [NAME] })]);
  });
  afterEach(() => Promise.all(rigs.map(({ link }) => link.stop())));
  afterAll(() => Promise.all([squid.stop(), relay.close(), platform.close()]));

  const kinds = () => rigs.map(({ link }) => link.state.kind);
  /** Waits until no link is being opened. */
  const settled = (rig: LinkRig) => rig.until(() => !kinds().includes('connecting'));
  const attempts = () =>
    rigs.flatMap(({ states }) => states).filter((state) => state === 'connecting connecting').length;

  it('fleet: one CONNECT with a credential per attempt, none refused, no peak beyond chance', {
    timeout: 60_000,
  }, async () => {
    const url = platform.url(NAME, relay.port);
    rigs = Array.from({ length: FLEET }, (_none, at) => {
      const router = testRouter({ proxies: [profile(squid.port, USER)], trust: platform.trust });
      return linkRig(url, router, { clock, connectionClock: clock, random: seeded(FIRST_SEED * 1_000 + at) });
    });
    const [first] = rigs as [LinkRig];
    for (const { link } of rigs) link.start();
    await first.until(() => kinds().every((kind) => kind === 'connected'));

    relay.mode = 'down';
    await first.until(() => !kinds().includes('connected'));
    await settled(first);
    const seconds: number[] = [];
    for (let passedMs = 0; kinds().some((kind) => kind !== 'connected'); passedMs += STEP_MS) {
      const before = attempts();
      if (passedMs >= 5_000) relay.mode = 'pass';
      clock.advance(STEP_MS);
      await settled(first);
      const second = Math.floor(passedMs / 1_000);
      seconds[second] = (seconds[second] ?? 0) + attempts() - before;
    }

    // 15 of 50; without jitter, it would be all 50.
    expect(Math.max(...seconds)).toBeLessThan(leastUnlikely(UNLIKELY / SECONDS));
    expect(platform.upgrades).toHaveLength(2 * FLEET);
    const made = attempts();
    await Promise.all(rigs.map(({ link }) => link.stop()));
    const log = await squid.accessLog(made, NAME);
    expect(log).toHaveLength(made);
    // Squid shows 503 if the platform reset the connection before the tunnel was open.
    expect(log.filter((line) => !/^(200|503) CONNECT \S+ svc$/.test(line))).toEqual([]);
  });
});

/** The least number of links whose probability in one second, or that of more links, is below this (binomial tail). */
function leastUnlikely(probability: number): number {
  let one = (1 - CHANCE) ** FLEET;
  let tail = 1;
  for (let links = 0; ; links += 1) {
    if (tail < probability) return links;
    tail -= one;
    one *= ((FLEET - links) / (links + 1)) * (CHANCE / (1 - CHANCE));
  }
}
