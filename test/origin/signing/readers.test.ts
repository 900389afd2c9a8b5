// What other programs make of a repository of ours: tuf-js with its own updater over loopback, and securesystemslib of
// Debian, which verifies each signature on its own.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Updater } from 'tuf-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { type FeedCommand, feedCommands } from '#test/support/feed-commands.ts';
import { makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';

let dir: string;
let origin: Origin;
let feed: FeedCommand;
const at = (name: string) => join(dir, name);

const publish = () => feed('sign', '@root.draft.json', '--tuf', '@repository', '--yes');
const rotate = (...change: readonly string[]) =>
  feed('rotate', '--tuf', '@repository', '--draft', '@root.draft.json', ...change);

/** A client that has only the first root, in a folder of its own. */
async function client(name: string): Promise<Updater> {
  const metadataDir = at(`${name}/metadata`);
  await mkdir(metadataDir, { recursive: true });
  await mkdir(at(`${name}/targets`), { recursive: true });
  await copyFile(at('repository/metadata/1.root.json'), join(metadataDir, 'root.json'));
  return new Updater({
    metadataDir,
    metadataBaseUrl: `${origin.url}/metadata`,
    targetDir: at(`${name}/targets`),
    targetBaseUrl: `${origin.url}/targets`,
    config: { fetchRetry: 0 },
  });
}

/** The content of a target as the client got it. */
async function fetched(updater: Updater, path: string): Promise<Buffer | null> {
  const info = await updater.getTargetInfo(path);
  return info === undefined ? null : await readFile(await updater.downloadTarget(info));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-readers-'));
  feed = await feedCommands(dir);
  for (const folder of ['updates', 'team']) await mkdir(at(folder));
  await writeFile(at('updates/1602503.jar'), makeJar('1602503', 3_000));
  await writeFile(at('updates/1602504.jar'), makeJar('1602504', 3_000));
  await writeFile(at('team/2001.jar'), makeJar('2001', 2_000));
  for (const key of ['ada', 'bob', 'eve', 'release', 'online', 'bea']) await feed('keys', 'make', key);
  await rotate('--root', 'ada', 'bob', 'eve', '--targets', 'release', '--snapshot', 'online', '--timestamp', 'online');
  await publish();
  await feed('build', '@updates', '--tuf', '@repository');
  await feed('delegate', 'team-b', '--tuf', '@repository', '--with', 'bea');
  await feed('build', '@team', '--tuf', '@repository', '--team', 'team-b');
  origin = await startOrigin({ dir: at('repository') });
}, 120_000);
afterAll(async () => {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
});

describe('serve', () => {
  it('serve: says where the signed repository is, and which files a cache may keep', async () => {
    expect(origin).toMatchObject({ hasFeed: false, signed: { metadataUrl: `${origin.url}/metadata` } });
    expect(origin.signed?.rootFile).toMatch(/1\.root\.json$/);
    const [feedFile = ''] = (await readdir(at('repository/targets'))).filter((name) => name.endsWith('feed.json'));
    const isKept = async (path: string) => {
      const response = await fetch(`${origin.url}/${path}`);
      expect(response.status).toBe(200);
      return response.headers.get('cache-control')?.includes('immutable');
    };
    expect(await isKept('metadata/timestamp.json')).toBe(false);
    for (const path of ['metadata/1.root.json', 'metadata/2.targets.json', `targets/${feedFile}`]) {
      expect([path, await isKept(path)]).toEqual([path, true]);
    }
    expect((await fetch(`${origin.url}/.lock/lock`)).status).toBe(404);
  });
});

describe('tuf-js', () => {
  it('tuf-js: its updater gets the feed, a package, and the feed and a package of a team', async () => {
    const updater = await client('first');
    await updater.refresh();
    const own = JSON.parse(String(await fetched(updater, 'feed.json'))) as { items: { id: string }[] };
    expect(own.items.map(({ id }) => id)).toEqual(['1602503', '1602504']);
    expect(await fetched(updater, '1602503.jar')).toEqual(await readFile(at('updates/1602503.jar')));
    expect(String(await fetched(updater, 'team-b/feed.json'))).toContain('"2001"');
    expect(await fetched(updater, 'team-b/2001.jar')).toEqual(await readFile(at('team/2001.jar')));
    expect(await fetched(updater, 'other/2001.jar')).toBeNull();
  });

  it('tuf-js: a client with the first root follows a rotation of all keys to the next release', async () => {
    const before = await client('second');
    await before.refresh();
    for (const key of ['carol', 'release-2', 'online-2']) await feed('keys', 'make', key);
    await rotate(
      '--root',
      'bob',
      'carol',
      '--targets',
      'release-2',
      '--snapshot',
      'online-2',
      '--timestamp',
      'online-2',
    );
    expect(await publish()).toContain('Published 4.targets.json, 5.snapshot.json, timestamp.json, 2.root.json.');
    // Old keys are gone, and a package is withdrawn.
    for (const key of ['ada', 'eve', 'release', 'online']) await rm(at(`keys/${key}.key`));
    await writeFile(at('updates/1602503.meta.json'), '{"withdrawn":true}');
    await feed('build', '@updates', '--tuf', '@repository');
    for (const updater of [await client('third'), await client('second')]) {
      await updater.refresh();
      expect(String(await fetched(updater, 'feed.json'))).toContain('"withdrawn": true');
      expect(await fetched(updater, '1602503.jar')).toBeNull();
      expect(await fetched(updater, '1602504.jar')).toEqual(await readFile(at('updates/1602504.jar')));
    }
  });

  it('tuf-js: a team whose paths were taken back signs nothing any more', async () => {
    await feed('delegate', 'team-b', '--tuf', '@repository', '--remove');
    const updater = await client('fourth');
    await updater.refresh();
    expect(await fetched(updater, 'team-b/feed.json')).toBeNull();
    expect(await fetched(updater, 'feed.json')).not.toBeNull();
  });

  it('tuf-js: the keys of licenses are a target, which later builds keep', async () => {
    await feed('build', '@updates', '--tuf', '@repository', '--license-keys', 'release');
    await feed('build', '@updates', '--tuf', '@repository');
    const updater = await client('keys');
    await updater.refresh();
    const listed = JSON.parse(String(await fetched(updater, 'license-keys.json'))) as object;
    expect(listed).toEqual({ format: 1, keys: [expect.stringMatching(/^MCowBQYDK2VwAyEA.{44}$/)] });
  });
});

/** Verifies every signature of every metadata file with the key of its role; prints the number for each file. */
const VERIFY = `
import json, os, sys
from securesystemslib.formats import encode_canonical
from securesystemslib.keys import verify_signature

folder = sys.argv[1]
files = {name: json.load(open(os.path.join(folder, name))) for name in os.listdir(folder)}
keys = {}
for document in files.values():
    for holder in (document['signed'], document['signed'].get('delegations', {})):
        for keyid, key in holder.get('keys', {}).items():
            keys[keyid] = dict(key, keyid=keyid)
counts = {}
for name, document in files.items():
    data = encode_canonical(document['signed']).encode('utf-8')
    for signature in document['signatures']:
        if not verify_signature(keys[signature['keyid']], signature, data):
            sys.exit('wrong signature in ' + name)
    counts[name] = len(document['signatures'])
print(json.dumps(counts))
`;

describeWith(['securesystemslib', 'openssl'], 'securesystemslib', () => {
  it('securesystemslib: verifies every signature, of Ed25519, ECDSA and RSA keys', async () => {
    const run = promisify(execFile);
    const pem = ['-pkeyopt', 'rsa_keygen_bits:2048'];
    await run('openssl', ['genpkey', '-algorithm', 'RSA', ...pem, '-out', at('rsa.pem')]);
    await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at('ec.pem')]);
    const digest = '/usr/bin/openssl dgst -sha256';
    const pss = '-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32';
    for (const [name, command] of [
      ['rsa', `${digest} ${pss} -sign ${at('rsa.pem')}`],
      ['ec', `${digest} -sign ${at('ec.pem')}`],
    ] as const) {
      await run('openssl', ['pkey', '-in', at(`${name}.pem`), '-pubout', '-out', at(`${name}.pub.pem`)]);
      await feed('keys', 'make', name, '--public', `@${name}.pub.pem`, '--signer', command);
    }
    await rotate(
      '--snapshot',
      'online-2',
      'rsa',
      '--timestamp',
      'online-2',
      'ec',
      '--threshold',
      'snapshot=2',
      'timestamp=2',
    );
    await publish();
    const metadata = at('repository/metadata');
    const { stdout } = await run('/usr/bin/python3', ['-c', VERIFY, metadata]);
    const counts = JSON.parse(stdout) as Record<string, number>;
    expect(Object.keys(counts).toSorted()).toEqual((await readdir(metadata)).toSorted());
    expect(Object.values(counts).every((count) => count > 0)).toBe(true);
    expect(counts).toMatchObject({ '1.root.json': 3, 'timestamp.json': 2 });
    const updater = await client('fifth');
    await updater.refresh();
    expect(await fetched(updater, '1602504.jar')).not.toBeNull();
  }, 120_000);
});
