// A disk fills up in the middle of a download, a journal, a sidecar or a receipt: no crash, one log line, no partial
// file that blocks, and it resumes by itself where it stopped.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SallyportEvent } from '#logging/events.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const jar = makeJar('u1', 400_000);
let origin: ScriptedOrigin;
let files: CrashingFiles;
let clock: FakeClock;

beforeEach(async () => {
  origin = await startScriptedOrigin();
  files = new CrashingFiles();
  clock = new FakeClock();
  origin.serve('/feed.json', feedOf([itemFor('u1', jar)]), 'application/json');
  origin.serve('/u1.jar', jar);
});
afterEach(() => origin.close());

function rig(updates: Record<string, unknown> = {}): Promise<Rig> {
  const settings = testSettings(DIR, {
    updates: {
      feed_url: `${origin.url}/feed.json`,
      acknowledge_url: `${origin.url}/acknowledge`,
      reserve_bytes: 0,
      ...updates,
    },
  });
  return openRig({ files, dir: DIR, settings, clock });
}

/** Space for this many bytes in addition to what is on the disk now. */
function leave(bytes: number, freeBytes?: number): void {
  const used = files.names().reduce((sum, name) => sum + (files.content(name)?.length ?? 0), 0);
  files.arm({ fullAfterBytes: used + bytes, ...(freeBytes === undefined ? {} : { freeBytes }) });
}

const loud: ReadonlySet<SallyportEvent['name']> = new Set([
  'disk-full',
  'disk-room',
  'check-failed',
  'download-failed',
  'fault',
  'next-try',
]);
const told = ({ events }: Rig) => events.map(({ name }) => name).filter((name) => loud.has(name));
const published = () => files.names().filter((name) => name.endsWith('.jar'));
const unfinished = () => files.names().filter((name) => name.endsWith('.new'));

describe('full disk: a download', () => {
  it('is not requested if the package would use the reserve', async () => {
    const made = await rig({ reserve_bytes: 100_000 });
    leave(450_000);
    const report = await made.round();

    expect(report.failed.map(({ error }) => error.code)).toEqual(['DISK-FULL']);
    expect(report.failed[0]?.error.facts).toMatchObject({ needed: jar.length, reserve: 100_000 });
    expect(origin.asked).toEqual(['GET /feed.json']);
    expect(told(made)).toEqual(['disk-full']);
  });

  it('starts if the package fits to the byte', async () => {
    const made = await rig({ reserve_bytes: 100_000 });
    files.arm({ freeBytes: jar.length + 100_000 });

    expect((await made.round()).published).toEqual(['u1']);
  });

  it('needs no space for bytes that are already on the disk', async () => {
    const made = await rig();
    leave(200_000, 1_000_000);
    await made.round();
    files.arm({ freeBytes: jar.length - 100_000 });

    expect((await made.round()).published).toEqual(['u1']);
  });
});

describe('full disk: a round', () => {
  it('full disk: a download that meets it keeps every byte, reports it once, and resumes', async () => {
    const made = await rig();
    leave(200_000, 1_000_000);
    for (let n = 0; n < 3; n += 1) expect((await made.round()).retryAtMs).not.toBeNull();

    expect(told(made)).toEqual(['disk-full']);
    const kept = files.content(`${DIR}/packages/.staging/u1.jar.unverified`)?.length ?? 0;
    expect(kept).toBeGreaterThan(190_000);
    expect(unfinished()).toEqual([]);

    files.arm({});
    expect((await made.round()).published).toEqual(['u1']);
    expect(made.events).toContainEqual(expect.objectContaining({ name: 'resuming', id: 'u1', offset: kept }));
    expect(told(made)).toEqual(['disk-full', 'disk-room']);
    expect(files.content(`${DIR}/packages/u1.jar`)?.equals(jar)).toBe(true);
    expect(origin.receipts).toMatchObject([{ id: 'u1', outcome: 'published' }]);
  });

  it('full disk: a download ends before other programs have used up the reserve', async () => {
    const large = makeJar('u2', 20_000_000);
    origin.serve('/feed.json', feedOf([itemFor('u2', large)], { serial: 2 }), 'application/json');
    const half = 12_000_000;
    let more = () => {};
    origin.on('/u2.jar', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/java-archive', 'content-length': large.length });
      response.write(large.subarray(0, half));
      more = () => void response.end(large.subarray(half));
    });
    const made = await rig({ reserve_bytes: 1_000_000 });
    files.arm({ freeBytes: 22_000_000 });
    const round = made.round();
    const staged = `${DIR}/packages/.staging/u2.jar.unverified`;
    await expect.poll(() => files.content(staged)?.length ?? 0, { timeout: 10_000 }).toBe(half);
    files.arm({ freeBytes: 2_000_000 });
    more();
    const report = await round;

    expect(report.failed[0]?.error).toMatchObject({ code: 'DISK-FULL' });
    const kept = files.content(staged);
    expect(kept?.length).toBeLessThan(large.length);
    expect(kept?.equals(large.subarray(0, kept.length))).toBe(true);
  });

  it('fetches nothing else, and the rest follows later', async () => {
    const other = makeJar('v1', 2 * jar.length);
    const items = [itemFor('u1', jar), itemFor('v1', other, { package: 'other' })];
    origin.serve('/feed.json', feedOf(items, { serial: 2 }), 'application/json');
    origin.serve('/v1.jar', other);
    const made = await rig();
    leave(200_000, 1_000_000);
    await made.round();
    expect(told(made)).toEqual(['disk-full']);

    files.arm({});
    expect((await made.round()).published.toSorted()).toEqual(['u1', 'v1']);
  });

  it.each([
    ['the journal', '/packages/.staging/u1.journal.new'],
    ['the sidecar', '/packages/u1.json.new'],
    ['the receipt', '/state/outbox/receipt/000000000001.json.new'],
    ['what is remembered', '/state/updates.json.new'],
    ['what the path has shown', '/state/paths.json.new'],
  ])('pauses in the middle of %s with one line, and continues', async (_what, path) => {
    const rehearsal = await rig();
    await rehearsal.round();
    const writes = files.trace.filter((step) => step.operation === 'write' && step.path === DIR + path);
    expect(writes.length).toBeGreaterThan(0);

    for (const { n } of writes) {
      files = new CrashingFiles();
      const made = await rig();
      const base = files.trace.length;
      files.arm({ failAt: { n: n - base, error: await fullError(DIR + path) } });
      const report = await made.round();
      expect(told(made).filter((name) => name !== 'disk-room')).toEqual(['disk-full']);
      expect(report.retryAtMs).not.toBeNull();
      expect(unfinished()).toEqual([]);

      files.arm({});
      clock.advance(60_000);
      await made.round();
      expect(published()).toEqual([`${DIR}/packages/u1.jar`]);
      expect(told(made)).toEqual(['disk-full', 'disk-room']);
      expect(made.ports.spool.size).toBe(0);
      const remaining = files.names().filter((name) => /\.(?:journal|unverified|new)$/.test(name));
      expect(remaining).toEqual([]);
    }
  });

  it('full disk: retries come after one minute, then twice as long each time, up to ten minutes', async () => {
    const made = await rig();
    leave(200_000, 1_000_000);
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) waits.push(((await made.round()).retryAtMs ?? 0) - clock.now());
    expect(waits.map((ms) => ms / 60_000)).toEqual([1, 2, 4, 8, 10, 10, 10]);

    files.arm({});
    expect((await made.round()).retryAtMs).toBeNull();
  });

  it('has a receipt sent once and settled, because that needs no space', async () => {
    const made = await rig();
    const { spool } = made.ports;
    await spool.accept({
      key: 'a'.repeat(64),
      body: {
        id: 'x',
        sha256: 'b'.repeat(64),
        length: 1,
        elapsed_ms: 1,
        outcome: 'published',
        agent: 'a',
        key: 'a'.repeat(64),
      },
    });
    leave(0, 1_000_000);
    await made.round();

    expect(origin.receipts).toHaveLength(1);
    expect(spool.size).toBe(0);
    expect(files.names()).toContain(`${DIR}/state/outbox/receipt/000000000001.settled`);

    files.arm({});
    clock.advance(60_000);
    await made.round();
    expect(origin.receipts.filter(({ id }) => id === 'x')).toHaveLength(1);
    expect(files.names().filter((name) => name.endsWith('.settled'))).toEqual([]);
  });
});

async function fullError(path: string): Promise<Error> {
  const full = new CrashingFiles({ fullAfterBytes: 0 });
  full.plantFolder('/x');
  const file = await full.create('/x/a', 0o600);
  try {
    file.write(Buffer.from('x'), 0);
  } catch (thrown) {
    const { facts } = thrown as { facts: Record<string, string> };
    return Object.assign(thrown as Error, { facts: { ...facts, path } });
  }
  throw new Error(`there was room for ${path}`);
}
