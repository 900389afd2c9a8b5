// A crash around every write, fsync, rename, unlink and folder operation of a whole round, listed by the round's own
// trace (`crashPlaces`), none skipped, with each way in which a machine can lose data: a package under a final name is
// always right, and no receipt is lost, whichever operation was last.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles, type CrashMode, crashPoints } from '#test/support/crashing-files.ts';
import { type CrashPlace, crashPlaces } from '#test/support/every-crash.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const JARS = new Map(['old1', 'new2', 'gone3', 'tool4'].map((id) => [id, makeJar(id, 3_000)]));
let origin: ScriptedOrigin;

/** The scenario: one is published, one is withdrawn, two arrive (one requires the other), one is pruned. */
beforeAll(async () => {
  origin = await startScriptedOrigin();
  for (const [id, jar] of JARS) origin.serve(`/${id}.jar`, jar);
});
afterAll(() => origin.close());

const item = (id: string, fields: Record<string, unknown> = {}) => itemFor(id, JARS.get(id) ?? Buffer.alloc(0), fields);
const before = () => feedOf([item('old1'), item('gone3', { package: 'gone' })], { serial: 1 });
const after = () =>
  feedOf(
    [
      item('old1'),
      item('new2', { requires: ['tool4'] }),
      item('tool4', { package: 'tool' }),
      item('gone3', { package: 'gone', withdrawn: true }),
    ],
    { serial: 2 },
  );

/** Events of the latest round. An operation outside the disk is one of them, or a request. */
let events: readonly unknown[] = [];

async function round(files: CrashingFiles): Promise<string[]> {
  events = [];
  const settings = testSettings(DIR, {
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge`, keep_versions: 1 },
  });
  const rig = await openRig({ files, dir: DIR, settings });
  events = rig.events;
  await rig.round();
  return rig.events.flatMap((event) => (event.name === 'acknowledging' ? [String(event.id)] : []));
}

/** The disk after a first, healthy round. */
async function firstDisk(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  origin.serve('/feed.json', before(), 'application/json');
  await round(files);
  origin.serve('/feed.json', after(), 'application/json');
  files.arm({});
  return files;
}

function expectOnlyRightPackages(files: CrashingFiles): void {
  for (const name of files.names().filter((found) => found.startsWith(`${DIR}/packages/`) && found.endsWith('.jar'))) {
    const id = name.slice(name.lastIndexOf('/') + 1, -'.jar'.length);
    const content = files.content(name);
    if (content === null || !content.equals(JARS.get(id) ?? Buffer.alloc(0))) throw new Error(`${name} is wrong`);
  }
}

function expectFinished(files: CrashingFiles): void {
  const names = files.names().map((name) => name.replace(`${DIR}/`, ''));
  const packages = names.filter((name) => name.startsWith('packages/') && !name.endsWith('/.staging'));
  expect(packages.filter((name) => /\.(?:jar|json|journal|unverified|new)$/.test(name)).toSorted()).toEqual([
    'packages/new2.jar',
    'packages/new2.json',
    'packages/tool4.jar',
    'packages/tool4.json',
    'packages/withdrawn/gone3.jar',
  ]);
  expect(names.filter((name) => /^state\/outbox\/receipt\/\d+\./.test(name))).toEqual([]);
}

/** One receipt for each outcome of this installation, even if crashes made it be sent several times. */
function expectReceipts(told: readonly { id: string; outcome: string; key: string }[]): void {
  const byKey = new Map(told.map((receipt) => [receipt.key, `${receipt.id} ${receipt.outcome}`]));
  expect([...byKey.values()].toSorted()).toEqual([
    'gone3 published',
    'gone3 withdrawn',
    'new2 published',
    'old1 published',
    'tool4 published',
  ]);
}

interface Crash extends CrashPlace {
  readonly mode: CrashMode;
  /** The disk after the first round, and the receipts that it sent. */
  readonly first: CrashingFiles;
  readonly sent: ScriptedOrigin['receipts'];
}

async function crashAt({ first, sent, ...at }: Crash): Promise<void> {
  origin.receipts.splice(0, Number.POSITIVE_INFINITY, ...sent);
  // A killed process leaves all of its disk: this is a copy.
  const files = first.afterCrash('killed');
  files.arm(at.when === 'before' ? { crashBefore: at.n } : { crashAfter: at.n });
  const acknowledged = await round(files).catch(() => []);
  expect(files.crashed).toBe(true);

  const survived = files.afterCrash(at.mode, at.n);
  expectOnlyRightPackages(survived);
  const again = await round(survived);

  expectOnlyRightPackages(survived);
  expectFinished(survived);
  expectReceipts(origin.receipts);
  const lines = [...acknowledged, ...again].filter((id) => id === 'new2' || id === 'tool4');
  // Each at most once: only the loss of a receipt is a defect, and it was not lost.
  expect(new Set(lines).size).toBe(lines.length);
}

describe('crash: at any operation, a round', () => {
  it('crash: the trace of a round has every operation that changes the disk', async () => {
    const files = await firstDisk();
    await round(files);

    const operations = new Set(
      files.trace.filter(({ n }) => crashPoints(files.trace).includes(n)).map(({ operation }) => operation),
    );
    expect([...operations].toSorted()).toEqual([
      'create',
      'makeDirectory',
      'remove',
      'rename',
      'sync',
      'syncDirectory',
      'write',
    ]);
    expectFinished(files);
  });

  it.each(CRASH_MODES)('never leaves a wrong package or loses a receipt (%s)', { timeout: 120_000 }, async (mode) => {
    origin.receipts.length = 0;
    const first = await firstDisk();
    const sent = [...origin.receipts];
    const files = first.afterCrash('killed');
    const places = await crashPlaces(files, round, { outside: () => origin.asked.length + events.length });
    expect(places.length).toBeGreaterThan(80);

    for (const { n, when } of places) {
      await crashAt({ n, when, mode, first, sent }).catch((error: unknown) => {
        const { operation, path } = files.trace.find((traced) => traced.n === n) ?? { operation: '?', path: '?' };
        throw new Error(`crash ${when} operation ${n} (${operation} ${path})`, { cause: error });
      });
    }
  });
});
