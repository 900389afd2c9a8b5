// A real process, a real disk, 20 real kills at random moments of a round with a signed feed, while the vendor rotates keys
// and publishes: the next start continues, versions never go back, and only what was signed is published. `tuf/crash` has
// every moment of a refresh, on a simulated disk.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { seeded } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { FIRST_SEED, rounds } from '#test/support/rounds.ts';
import { runHere } from '#test/support/run-here.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';

const KILLS = rounds(20);
/** A round that ends before its kill does not count. */
const MAX_STARTS = 3 * KILLS;
/** Of a round with a new root: two roots, timestamp, snapshot, targets, feed, package. */
const REQUESTS = 7;
/** The longest time from a request to the kill; the last request is followed by download and publication. */
const MAX_DELAY_MS = 30;
const MAX_LAST_DELAY_MS = 150;
const JAR_BYTES = 200_000;
const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;
/** An answer with other bytes than the signed ones, in every sixth release. */
const EXPECTED_CODE = 'DIGEST-MISMATCH';
const EXPIRES_MS = Date.parse('2099-01-01T00:00:00Z');

let origin: SignedOrigin;
let dir: string;
let config: string;
/** Every package that the vendor has signed, by file name. */
let signed: Map<string, Buffer>;

beforeEach(async () => {
  origin = await SignedOrigin.start();
  signed = new Map();
  for (const role of ROLES) origin.repository.expire(role, EXPIRES_MS);
  dir = await mkdtemp(join(tmpdir(), 'sallyport-kill-'));
  await mkdir(join(dir, 'config'));
  config = join(dir, 'config', 'sallyport.yaml');
  const rootFile = join(dir, 'config', 'root.json');
  await writeFile(rootFile, origin.repository.initialRoot, { mode: 0o600 });
  const lines = [
    'version: 2',
    'updates:',
    '  trust: tuf',
    '  tuf:',
    `    metadata_url: ${origin.url}/metadata/`,
    `    root_file: ${rootFile}`,
    `  packages_dir: ${dir}/packages`,
    'logging:',
    `  dir: ${dir}/logs`,
    'daemon:',
    `  state_dir: ${dir}/state`,
    `  control_socket: ${dir}/control.sock`,
  ];
  await writeFile(config, lines.join('\n'), { mode: 0o600 });
});
afterEach(async () => {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

/** Signs a new root, every second time with new keys of a role, and a package that replaces the previous one. */
function publish(release: number): string {
  const { repository } = origin;
  const role = ROLES[(release / 2) % ROLES.length];
  const previous = repository.signers.get('root') ?? [];
  if (role !== undefined) repository.rotateKeys(role);
  const current = repository.signers.get('root') ?? [];
  // The previous keys sign the root that replaces them (TUF 5.3.4).
  repository.signers.set('root', [...new Set([...previous, ...current])]);
  repository.publish('root');
  repository.signers.set('root', current);
  const name = `${1_000 + release}.jar`;
  const jar = makeJar(name, JAR_BYTES);
  signed.set(name, jar);
  origin.offer([{ item: itemFor(String(1_000 + release), jar), bytes: jar }]);
  return name;
}

/** Starts a round and kills it this long after its n-th request. Returns whether it was the kill that ended it. */
async function killedAt(request: number, delayMs: number): Promise<boolean> {
  const args = ['--disable-sigusr1', PROGRAM_PATH, '--config', config, 'run', '--once'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let requests = 0;
  let killing: Promise<unknown> = Promise.resolve();
  origin.intercept = () => {
    requests += 1;
    if (requests === request) killing = delay(delayMs).then(() => child.kill('SIGKILL'));
    return false;
  };
  const signal = await new Promise<string | null>((resolve) => child.once('exit', (_code, by) => resolve(by)));
  await killing;
  return signal === 'SIGKILL';
}

interface KnownVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
}

const readJson = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(path, 'utf8').catch(() => 'null')) as unknown;

/** Every version on the disk, by the place that has it. New online keys delete those of timestamp and snapshot. */
async function storedVersions(): Promise<ReadonlyMap<string, number>> {
  const metadata = join(dir, 'state', 'trust', 'updates');
  const versions = new Map<string, number>();
  for (const role of ['timestamp', 'snapshot', 'targets']) {
    const file = (await readJson(join(metadata, `${role}.json`))) as { signed: { version: number } } | null;
    versions.set(`${role}.json`, file?.signed.version ?? 0);
  }
  const state = (await readJson(join(metadata, 'versions.json'))) as { versions: KnownVersions } | null;
  const kept = (await readJson(join(dir, 'packages', '.trust.json'))) as { versions: KnownVersions } | null;
  for (const [place, known] of [
    ['state', state?.versions],
    ['packages', kept?.versions],
  ] as const) {
    for (const role of ['root', 'timestamp', 'snapshot'] as const) versions.set(`${place} ${role}`, known?.[role] ?? 0);
  }
  const roots = await readdir(join(metadata, 'root')).catch(() => []);
  versions.set('kept roots', roots.filter((name) => /^\d+\.root\.json$/.test(name)).length);
  return versions;
}

/** Places whose version is lower than it was. */
function wentBack(highest: Map<string, number>, versions: ReadonlyMap<string, number>): readonly string[] {
  return [...versions].flatMap(([place, version]) => {
    const known = highest.get(place) ?? 0;
    highest.set(place, Math.max(known, version));
    const mayStartOver = version === 0 && /timestamp|snapshot/.test(place);
    return version < known && !mayStartOver ? [`${place}: ${known} -> ${version}`] : [];
  });
}

/** Names of the published packages; each has the signed bytes. */
async function publishedPackages(): Promise<readonly string[]> {
  const names = await readdir(join(dir, 'packages')).catch(() => []);
  const jars = names.filter((name) => name.endsWith('.jar'));
  for (const name of jars) {
    const isSigned = signed.get(name)?.equals(await readFile(join(dir, 'packages', name))) ?? false;
    expect({ name, isSigned }).toEqual({ name, isSigned: true });
  }
  return jars;
}

it('signed feed: kill -9 during rotations loses nothing, and versions never go back', {
  timeout: 280_000,
}, async () => {
  const random = seeded(FIRST_SEED);
  const highest = new Map<string, number>();
  let kills = 0;
  let release = 0;
  for (; kills < KILLS && release < MAX_STARTS; release += 1) {
    const name = publish(release);
    if (release % 6 === 3) origin.repository.artifacts.set(name, makeJar('never signed', JAR_BYTES));
    // Every third kill comes after the last request.
    const request = release % 3 === 0 ? REQUESTS : 1 + Math.floor(random() * REQUESTS);
    const maxDelayMs = request === REQUESTS ? MAX_LAST_DELAY_MS : MAX_DELAY_MS;
    if (await killedAt(request, random() * maxDelayMs)) kills += 1;
    expect(wentBack(highest, await storedVersions())).toEqual([]);
    await publishedPackages();
  }
  expect(kills).toBe(KILLS);

  const newest = publish(release);
  origin.intercept = () => false;
  expect(await runHere(['--config', config, 'run', '--once'])).toMatchObject({ code: 0, err: '' });
  expect(wentBack(highest, await storedVersions())).toEqual([]);
  expect(await publishedPackages()).toContain(newest);
  expect(highest.get('state root')).toBe(release + 2);
  expect(highest.get('kept roots')).toBe(release + 1);
  const log = await readFile(join(dir, 'logs', 'sallyport.log'), 'utf8');
  const codes = [...log.matchAll(/\[([A-Z]+(?:-[A-Z]+)+)\]/g)].map(([, code]) => code);
  expect(codes.filter((code) => code !== EXPECTED_CODE)).toEqual([]);
});
