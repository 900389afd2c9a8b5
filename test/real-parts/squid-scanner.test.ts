// Packages through a real Squid that has them scanned by a real protocol (ICAP); time runs 80 times as fast.

import { afterEach, expect, it } from 'vitest';
import { systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { type IcapServer, type ScanManner, startIcap } from '#test/support/icap-server.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const FASTER = 80;
const DIR = '/data';
/** 80 s of the field. */
const HOLD_MS = 1_000;
/** More than Squid's buffers hold. */
const JAR = makeJar('scanned', 600_000);

describeWith(['squid'], 'a package that a scanner behind Squid holds', () => {
  const opened: { squid?: RunningSquid; icap?: IcapServer; origin?: ScriptedOrigin } = {};

  afterEach(async () => {
    await opened.squid?.stop();
    await opened.icap?.close();
    await opened.origin?.close();
  });

  async function behind(manner: ScanManner, jar = JAR, updates: Record<string, unknown> = {}) {
    const clock = manner === 'block' ? systemClock : scaledClock(FASTER);
    const origin = await startScriptedOrigin();
    const icap = await startIcap(manner, HOLD_MS);
    const squid = await startSquid({ extra: icap.conf });
    Object.assign(opened, { origin, icap, squid });
    origin.serve('/feed.json', feedOf([itemFor('u1', jar)]), 'application/json');
    origin.serve('/u1.jar', jar, 'application/java-archive');
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge`, ...updates },
      proxies: [{ name: 'scanner', address: '127.0.0.1', port: squid.port, default: true }],
    });
    const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings, clock });
    return { rig, icap, scripted: origin, route: { proxy: `http://127.0.0.1:${squid.port}`, origin: origin.url } };
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

  it('scanner behind Squid: a package that never arrives ends soon on a known route', async () => {
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

    expect([report.error?.code ?? null, ...report.failed.map(({ error }) => error.code)]).toEqual([
      null,
      'RESPONSE-TIMEOUT',
    ]);
    expect(report.failed[0]?.error.message).toContain('this proxy has held packages of this size for up to 500 ms');
  });

  it.each([
    [false, undefined],
    [true, 'Eicar-Test-Signature'],
  ])('that is blocked is the scanner’s verdict, tried once a day; report_findings: %s', async (told, finding) => {
    const jar = makeJar('blocked', 20_000);
    const { rig, icap, scripted } = await behind('block', jar, told ? { report_findings: true } : {});

    const report = await rig.round();

    const [failed] = report.failed;
    expect([failed?.error.code, report.failed.length]).toEqual(['CONTENT-BLOCKED', 1]);
    expect(failed?.error.message).toMatch(
      /^\[CONTENT-BLOCKED\] A scanner at proxy scanner blocked \S+u1\.jar \(403\): Eicar-Test-Signature\.$/,
    );
    expect(scripted.receipts.map(({ outcome }) => outcome)).toEqual(['refused:CONTENT-BLOCKED']);
    expect((scripted.receipts[0] as { finding?: string }).finding).toBe(finding);
    expect(JSON.stringify(scripted.receipts)).not.toContain('VIRUS FOUND');

    // A check of the schedule asks for it no earlier than a day later.
    expect((await rig.round()).failed.map(({ error }) => error.code)).toEqual(['CONTENT-BLOCKED']);
    expect([icap.scanned(), scripted.receipts.length]).toEqual([1, 1]);
    const wait = (rig.ports.retries.nextFor('u1') ?? 0) - rig.ports.clock.now();
    expect([wait > 86_300_000, wait <= 86_400_000]).toEqual([true, true]);

    // Another digest is another package.
    const other = makeJar('changed', 20_001);
    scripted.serve('/feed.json', feedOf([itemFor('u2', other)], { serial: 2 }), 'application/json');
    scripted.serve('/u2.jar', other, 'application/java-archive');
    await rig.round();
    expect([icap.scanned(), scripted.receipts.length]).toEqual([2, 2]);
  });
});
