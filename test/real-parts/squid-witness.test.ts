// A real Squid that hangs, or that looks as if it did, while it holds a package back. The clock of the updater runs eight times
// as fast, so that the rule's own times apply. SALLYPORT_WITNESS_REAL=1 runs it in real time and prints the figures.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const IS_REAL = process.env['SALLYPORT_WITNESS_REAL'] === '1';
const FASTER = IS_REAL ? 1 : 8;
const DIR = '/data';
const JAR = makeJar('held', 200_000);
/** Enough names that Squid refuses connections for a moment while it reads them. With more, it starts too slowly. */
const NAMES = 40_000;

describeWith(['squid'], 'the witness and a real Squid', () => {
  const opened: { squid?: RunningSquid; origin?: ScriptedOrigin } = {};

  afterEach(async () => {
    await opened.squid?.stop();
    await opened.origin?.close();
  });

  /** A rig behind Squid, and an origin that holds the package for these times of the rig's clock, in turn. */
  async function behind(lines: readonly string[], holdsMs: readonly number[], over: Record<string, unknown> = {}) {
    const clock = scaledClock(FASTER);
    const origin = await startScriptedOrigin();
    const squid = await startSquid({ extra: lines });
    Object.assign(opened, { origin, squid });
    origin.serve('/feed.json', feedOf([itemFor('u1', JAR)]), 'application/json');
    let requests = 0;
    origin.on('/u1.jar', (_request, response) => {
      const holdMs = holdsMs[requests] ?? 0;
      requests += 1;
      setTimeout(() => response.writeHead(200, { 'content-length': JAR.length }).end(JAR), holdMs / FASTER);
    });
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
      proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
      ...over,
    });
    const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings, clock });
    return { rig, clock, squid, requests: () => requests };
  }

  const happened = (rig: Rig, name: string) =>
    vi.waitFor(() => expect(rig.events.map((event) => event.name)).toContain(name), {
      timeout: 100_000 / FASTER + 10_000,
      interval: 10,
    });

  const codesOf = (rig: Rig) => rig.codes().filter((code) => code !== 'RECEIPT');

  it('witness, Squid: one that hangs in a hold is noticed within 35 s, and costs no attempt', async () => {
    const { rig, clock, squid, requests } = await behind([], [600_000]);
    const round = rig.round();
    await happened(rig, 'proxy-holds');
    squid.signal('SIGSTOP');
    const stoppedMs = clock.monotonic();
    await happened(rig, 'download-failed');
    const noticedMs = clock.monotonic() - stoppedMs;
    squid.signal('SIGCONT');
    const report = await round;
    expect([report.published, codesOf(rig), requests()]).toEqual([['u1'], ['PROXY-GONE'], 2]);
    expect(noticedMs).toBeLessThan(IS_REAL ? 35_500 : 38_000);
    if (IS_REAL) process.stderr.write(`hung: noticed after ${Math.round(noticedMs)} ms\n`);
    const latency = rig.events.find(({ name }) => name === 'proxy-holds')?.['latency'];
    expect(Number(latency)).toBeLessThan(4_000);
  });

  it.each([
    ['first', [18_000, 600_000]],
    ['second', [600_000, 3_000]],
  ])('witness, Squid: a package held past its timeout arrives by the %s of two requests', async (_which, holdsMs) => {
    const fixed = { response_timeout: { mode: 'fixed', base_ms: 12_000 } };
    const { rig, requests } = await behind([], holdsMs, fixed);
    const report = await rig.round();
    expect([report.published, codesOf(rig), requests()]).toEqual([['u1'], [], 2]);
    expect(rig.events.find(({ name }) => name === 'wait-extended')).toMatchObject({ id: 'u1', limit: 24_000 });
  });

  it.each<[string, readonly string[]]>([
    // The connection for the feed is still open, so a probe is the third one, and is refused with 403.
    ['maxconn 2', ['acl third maxconn 2', 'http_access deny third']],
    ['client_ip_max_connections 1', ['client_ip_max_connections 1']],
  ])('witness, Squid: with %s a held package arrives at the first try', async (_name, lines) => {
    const { rig, requests } = await behind(lines, [30_000]);
    const report = await rig.round();
    expect([report.published, report.failed, codesOf(rig), requests()]).toEqual([['u1'], [], [], 1]);
  });

  it("witness, Squid: with maxconn 1 a package arrives after the feed's connection closed", async () => {
    const lines = ['acl second maxconn 1', 'http_access deny second'];
    const { rig, requests } = await behind(lines, []);
    const report = await rig.round();
    expect([report.published, report.failed, codesOf(rig), requests()]).toEqual([['u1'], [], [], 1]);
  });

  it('witness, Squid: a package that is held while it reads a long list arrives at the first try', async () => {
    const list = join(mkdtempSync(join(tmpdir(), 'names-')), 'names');
    const names = Array.from({ length: NAMES }, (_none, n) => `host-${n}.example.com`);
    writeFileSync(list, names.join('\n'), { mode: 0o644 });
    const { rig, squid, requests } = await behind([`acl long dstdomain "${list}"`, 'http_access deny long'], [40_000]);
    const round = rig.round();
    await happened(rig, 'proxy-holds');
    squid.signal('SIGHUP');
    const report = await round;
    expect([report.published, report.failed, codesOf(rig), requests()]).toEqual([['u1'], [], [], 1]);
  });
});
