// A real Squid that hangs, or that looks as if it did, while it holds a package back. The clock of the updater runs eight times
// as fast, so that the rule's own times apply. SALLYPORT_WITNESS_REAL=1 runs it in real time and prints the figures.

import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
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
const IDS = ['u1', 'u2'];
/** Enough names that Squid refuses connections for a moment while it reads them. With more, it starts too slowly. */
const NAMES = 40_000;
/** Clients of a busy Squid, and how long it holds the package meanwhile. In faster time its answers seem slower. */
const CLIENTS = IS_REAL ? 1_500 : 150;
const HOLD_MS = IS_REAL ? 60_000 : 40_000;

interface Over extends Record<string, unknown> {
  /** 1 or 2. */
  readonly packages?: number;
  readonly updates?: Record<string, unknown>;
}

describeWith(['squid'], 'the witness and a real Squid', () => {
  const opened: { squid?: RunningSquid; origin?: ScriptedOrigin } = {};

  afterEach(async () => {
    await opened.squid?.stop();
    await opened.origin?.close();
  });

  /** A rig behind Squid, and an origin that holds each package for these times of the rig's clock, in turn. */
  async function behind(
    lines: readonly string[],
    holdsMs: readonly number[],
    { packages = 1, updates = {}, ...over }: Over = {},
  ) {
    const clock = scaledClock(FASTER);
    const origin = await startScriptedOrigin();
    const squid = await startSquid({ extra: lines });
    Object.assign(opened, { origin, squid });
    const items = IDS.map((id) => itemFor(id, JAR, { package: id }));
    origin.serve('/feed.json', feedOf(items.slice(0, packages)), 'application/json');
    let requests = 0;
    for (const id of IDS) {
      let requested = 0;
      origin.on(`/${id}.jar`, (_request, response) => {
        const holdMs = holdsMs[requested] ?? 0;
        requested += 1;
        requests += 1;
        setTimeout(() => response.writeHead(200, { 'content-length': JAR.length }).end(JAR), holdMs / FASTER);
      });
    }
    const settings = testSettings(DIR, {
      updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge`, ...updates },
      proxies: [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }],
      ...over,
    });
    const rig = await openRig({ files: new CrashingFiles(), dir: DIR, settings, clock });
    return { rig, clock, squid, origin, requests: () => requests };
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

  it('witness, Squid: two held packages at a time arrive by a second request each', async () => {
    const more = { packages: 2, updates: { parallel: 2 }, response_timeout: { mode: 'fixed', base_ms: 12_000 } };
    const { rig, requests } = await behind([], [600_000, 3_000], more);
    const report = await rig.round();
    expect([report.published.toSorted(), codesOf(rig), requests()]).toEqual([['u1', 'u2'], [], 4]);
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

  it(`witness, Squid: half of a core and ${CLIENTS} clients cost a held package nothing`, async () => {
    const { rig, squid, origin, requests } = await behind(['max_filedescriptors 8192'], [HOLD_MS]);
    const round = rig.round();
    await happened(rig, 'proxy-holds');
    const crowd = busyClients(squid.port, `${origin.url}/feed.json`);
    const starving = starve(squid);
    try {
      const report = await round;
      expect([report.published, report.failed, codesOf(rig), requests()]).toEqual([['u1'], [], [], 1]);
      expect(crowd.answered()).toBeGreaterThan(CLIENTS);
    } finally {
      starving.end();
      crowd.end();
    }
    if (IS_REAL)
      process.stderr.write(`starved: ${crowd.answered()} answers, worst ${Math.round(crowd.worstMs())} ms\n`);
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

/** Gives Squid half of a core. A shell does it, because a busy event loop would stop Squid for too long. */
function starve(squid: RunningSquid): { end(): void } {
  const script = 'while kill -STOP "$0" && sleep 0.02 && kill -CONT "$0" && sleep 0.02; do :; done';
  const shell = spawn('sh', ['-c', script, String(squid.pid())], { stdio: 'ignore' });
  return {
    end: () => {
      shell.kill('SIGKILL');
      squid.signal('SIGCONT');
    },
  };
}

/** Each client requests the URL over its own connection, and again when it has the response. */
function busyClients(port: number, url: string): { answered(): number; worstMs(): number; end(): void } {
  const request = `GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`;
  let answered = 0;
  let worstMs = 0;
  const sockets = Array.from({ length: CLIENTS }, (): Socket => {
    const socket = connect({ host: '127.0.0.1', port });
    let sentMs = performance.now();
    const send = () => {
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on('connect', send);
    let left = 0;
    socket.on('data', (chunk: Buffer) => {
      if (left === 0) left = lengthOf(chunk);
      left -= chunk.length;
      if (left > 0) return;
      left = 0;
      answered += 1;
      worstMs = Math.max(worstMs, performance.now() - sentMs);
      send();
    });
    socket.on('error', () => undefined);
    return socket;
  });
  return {
    answered: () => answered,
    worstMs: () => worstMs,
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Bytes of a response, from its first piece, which has the whole head. */
function lengthOf(piece: Buffer): number {
  const head = piece.toString('latin1', 0, piece.indexOf('\r\n\r\n') + 4);
  return head.length + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
}
