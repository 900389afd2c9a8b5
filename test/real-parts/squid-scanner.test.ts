// Packages through a real Squid that has them scanned by a real protocol (ICAP); time runs 200 times as fast.

import { afterEach, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { type IcapServer, type ScanManner, startIcap } from '#test/support/icap-server.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig, testSettings } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const FASTER = 200;
const DIR = '/data';
/** 80 s of the field. */
const HOLD_MS = 400;
/** More than Squid's buffers hold. */
const JAR = makeJar('scanned', 600_000);

describeWith(['squid'], 'a package that a scanner behind Squid holds', () => {
  const opened: { squid?: RunningSquid; icap?: IcapServer; origin?: ScriptedOrigin } = {};

  afterEach(async () => {
    await opened.squid?.stop();
    await opened.icap?.close();
    await opened.origin?.close();
  });

  async function behind(manner: ScanManner) {
    const origin = await startScriptedOrigin();
    const icap = await startIcap(manner, HOLD_MS);
    const squid = await startSquid({ extra: icap.conf });
    Object.assign(opened, { origin, icap, squid });
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
    origin.serve('/u1.jar', JAR, 'application/java-archive');
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json` },
      proxies: [{ name: 'scanner', address: '127.0.0.1', port: squid.port, default: true }],
    });
    const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings, clock: scaledClock(FASTER) });
    return { rig, icap, route: { proxy: `http://127.0.0.1:${squid.port}`, origin: origin.url } };
  }

  it.each([
    ['trickle', 'trickled'],
    ['early-headers', 'held'],
  ] as const)('arrives at the first try: %s, and the path is known as %s', async (manner, kind) => {
    const { rig, icap, route } = await behind(manner);

    const report = await rig.round();

    expect([report.error, report.failed, report.published]).toEqual([null, [], ['u1']]);
    expect(icap.scanned()).toBe(1);
    expect(rig.ports.habits.kindOf(route)).toBe(kind);
    const [sample] = rig.ports.model.samples(route);
    expect(sample?.ms.total).toBeGreaterThan(0.9 * HOLD_MS * FASTER);
  });

  it('that never comes back ends soon on a known route, as a silence', async () => {
    const { rig, route } = await behind('never');
    for (let n = 0; n < 12; n += 1) {
      const seen = {
        size: JAR.length,
        firstByteMs: 500,
        longestSilenceMs: 300,
        totalMs: 1_500,
        atMs: rig.ports.clock.now(),
      };
      rig.ports.model.observe(route, { ...seen, ok: true, timedOut: null });
    }

    const report = await rig.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual(['RESPONSE-TIMEOUT']);
    expect(report.failed[0]?.error.message).toContain('this proxy has held packages of this size for up to 500 ms');
  });
});
