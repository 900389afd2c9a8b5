// Rounds with a signed feed over a real loopback network and an in-memory disk: what a healthy one does, and that nothing
// is published that the vendor has not signed, whatever a proxy, a mirror or the server sends.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#redaction/secret.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig, type Rig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { MISSING, SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const ROOT = '/etc/root.json';
const JAR = makeJar('1602503', 4_000);
const OFFER = [{ item: itemFor('1602503', JAR), bytes: JAR }];
let origin: SignedOrigin;
let files: CrashingFiles;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  origin = await started(SignedOrigin.start());
  origin.offer(OFFER);
  files = new CrashingFiles();
  files.plantFile(ROOT, origin.repository.initialRoot);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

async function started<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  opened.push(server);
  return server;
}

function rig(
  updates: Record<string, unknown> = origin.settings(ROOT),
  over: Record<string, unknown> = {},
): Promise<Rig> {
  const settings = testSettings(DIR, { updates, ...over });
  return openRig({ files, dir: DIR, settings, clock: SIGNED_CLOCK });
}

/** Settings whose proxy is this server: every request has the absolute form. */
function forwarded(tuf: Record<string, unknown> = {}) {
  const proxies = [{ name: 'corp', address: '127.0.0.1', port: origin.port, default: true }];
  const updates = { trust: 'tuf', tuf: { metadata_url: 'http://updates.test/metadata/', root_file: ROOT, ...tuf } };
  return rig(updates, { proxies });
}

const published = () => files.names().filter((name) => name.endsWith('.jar'));
const errorsOf = (one: Rig, name: string) =>
  one.events.flatMap((event) =>
    event.name === name && 'error' in event ? [(event.error as { code?: string }).code] : [],
  );

describe('round: a signed feed', () => {
  it('publishes over plain http, with trust signed in sidecar and log', async () => {
    const run = await rig();
    expect(await run.round()).toMatchObject({ error: null, published: ['1602503'] });

    expect(files.content(`${DIR}/packages/1602503.jar`)?.equals(JAR)).toBe(true);
    const found = await run.ports.store.find('1602503');
    expect(found?.sidecar).toMatchObject({ trust: 'signed', feed: `${origin.url}/metadata/` });
    expect(run.events).toContainEqual(expect.objectContaining({ name: 'feed-read', trust: 'signed' }));
  });

  it('costs two requests when nothing is new', async () => {
    await (await rig()).round();
    const again = await rig();
    origin.asked.length = 0;
    expect(await again.round()).toMatchObject({ error: null, published: [] });
    expect(origin.asked).toEqual(['GET /metadata/2.root.json no-cache', 'GET /metadata/timestamp.json']);
  });

  it('is read again if the kept copy of the feed is damaged', async () => {
    await (await rig()).round();
    const [copy = ''] = files.names().filter((name) => name.includes('/trust/feeds/'));
    files.plantFile(copy, Buffer.from('{}'));
    const run = await rig();
    origin.asked.length = 0;
    expect(await run.round()).toMatchObject({ error: null });
    expect(origin.asked.filter((line) => line.includes('/targets/'))).toHaveLength(1);
  });

  it('requests a package that is missing under its digest only', async () => {
    origin.repository.artifacts.delete('1602503.jar');
    expect((await (await rig()).round()).failed.map(({ error }) => error.code)).toEqual(['ORIGIN-REFUSED']);
    const asked = origin.asked.filter((line) => line.includes('.jar'));
    expect(new Set(asked)).toEqual(new Set([expect.stringMatching(/^GET \/targets\/[0-9a-f]{64}\.1602503\.jar$/)]));
  });

  it('follows a new root, and keeps each one', async () => {
    await (await rig()).round();
    origin.repository.rotateKeys('timestamp');
    origin.repository.publish('root', 'timestamp');
    origin.repository.publish('root');
    const run = await rig();
    expect(await run.round()).toMatchObject({ error: null });
    expect(run.events.filter(({ name }) => name === 'root-rotated')).toHaveLength(2);
    expect(files.names().filter((name) => /\/root\/\d\.root\.json$/.test(name))).toHaveLength(2);
  });

  it('merges the feeds of two teams', async () => {
    const other = makeJar('b1', 3_000);
    origin.repository.delegate('targets', { name: 'team-b', paths: ['team-b/*'] });
    origin.repository.addTarget('team-b', 'team-b/b1.jar', other);
    origin.repository.addTarget('team-b', 'team-b/feed.json', feedOf([itemFor('b1', other, { package: 'b' })]));
    origin.repository.publishAll();
    const run = await rig(origin.settings(ROOT, { feed_target: ['feed.json', 'team-b/feed.json'] }));
    expect((await run.round()).published).toEqual(expect.arrayContaining(['1602503', 'b1']));
  });

  it('keeps a package that the feed of another team withdraws', async () => {
    origin.repository.delegate('targets', { name: 'team-b', paths: ['team-b/*'] });
    const other = makeJar('b1', 3_000);
    const list = (...items: Record<string, unknown>[]) => {
      origin.repository.addTarget('team-b', 'team-b/feed.json', feedOf(items));
      origin.repository.publishAll();
    };
    list();
    const both = origin.settings(ROOT, { feed_target: ['feed.json', 'team-b/feed.json'] });
    await (await rig(both)).round();

    origin.repository.addTarget('targets', 'feed.json', feedOf([]));
    origin.repository.addTarget('team-b', 'team-b/b1.jar', other);
    list(itemFor('1602503', JAR, { withdrawn: true }), itemFor('b1', other, { sequence: 9_999_999 }));
    const run = await rig(both);
    const report = await run.round();
    expect(report).toMatchObject({ error: null, published: [], withdrawn: [], pruned: [] });
    expect(report.refused.map(({ error }) => error.code)).toEqual(['FEED-PACKAGE-MOVED', 'FEED-PACKAGE-MOVED']);
    expect((await run.ports.store.find('1602503'))?.sidecar.feed_target).toBe('feed.json');

    const moved = await rig(origin.settings(ROOT, { feed_target: 'team-b/feed.json' }));
    expect(await moved.round()).toMatchObject({ published: ['b1'], withdrawn: ['1602503'] });
  });

  it('publishes an update whose ID another team listed first', async () => {
    origin.repository.delegate('targets', { name: 'team-b', paths: ['team-b/*'] });
    const other = makeJar('b1', 3_000);
    const list = (...items: Record<string, unknown>[]) => {
      origin.repository.addTarget('team-b', 'team-b/feed.json', feedOf(items));
      origin.repository.publishAll();
    };
    origin.repository.addTarget('targets', 'feed.json', feedOf([]));
    list(itemFor('1602503', other, { package: 'b', channel: 'beta' }));
    const both = origin.settings(ROOT, { feed_target: ['feed.json', 'team-b/feed.json'] });
    expect(await (await rig(both)).round()).toMatchObject({ error: null, published: [], refused: [] });

    origin.repository.addTarget('targets', 'feed.json', feedOf([itemFor('1602503', JAR)]));
    list(itemFor('1602503', other, { package: 'b', channel: 'beta' }));
    const refused = (await (await rig(both)).round()).refused.map(({ error }) => error.code);
    expect(refused).toEqual(['ID-DUPLICATE', 'ID-DUPLICATE']);

    list();
    expect(await (await rig(both)).round()).toMatchObject({ published: ['1602503'], refused: [] });

    // Now it belongs to the first team, which can withdraw it, whatever the other one lists.
    origin.repository.addTarget('targets', 'feed.json', feedOf([itemFor('1602503', JAR, { withdrawn: true })]));
    list(itemFor('1602503', other, { package: 'b' }));
    const report = await (await rig(both)).round();
    expect(report).toMatchObject({ withdrawn: ['1602503'], published: [] });
    expect(report.refused.map(({ error }) => error.code)).toEqual(['FEED-PACKAGE-MOVED']);

    // An ID that was published here keeps its digest for good.
    origin.repository.addTarget('targets', 'feed.json', feedOf([]));
    list(itemFor('1602503', other, { package: 'b' }));
    expect((await (await rig(both)).round()).refused.map(({ error }) => error.code)).toEqual(['ID-REUSED']);
  });

  it('says where the root is missing or cannot be used', async () => {
    const { tuf } = origin.settings('/etc/none.json') as { tuf: object };
    expect((await (await rig({ trust: 'tuf', tuf })).round()).error?.code).toBe('TUF-ROOT-FILE');
    const { root_file: _none, ...rest } = tuf as { root_file: string };
    expect((await (await rig({ trust: 'tuf', tuf: rest })).round()).error?.code).toBe('CONFIG-INCOMPLETE');
    expect(origin.asked).toEqual([]);
  });
});

describe('a changed signed feed', () => {
  it('publishes nothing if metadata and package are both replaced', async () => {
    const evil = await started(SignedOrigin.start());
    const other = makeJar('evil', 4_000);
    evil.offer([{ item: itemFor('1602503', other), bytes: other }]);
    const file = origin.repository.metadata.bind(origin.repository);
    origin.repository.metadata = async (request) =>
      request.name.endsWith('root.json') ? await file(request) : await evil.repository.metadata(request);
    origin.repository.target = (request) => evil.repository.target(request);
    const run = await rig();
    expect((await run.round()).error?.code).toBe('TUF-SIGNATURE');
    expect(published()).toEqual([]);
  });

  it('publishes nothing if only the package is replaced', async () => {
    origin.repository.artifacts.set('1602503.jar', makeJar('evil', 4_000));
    const run = await rig();
    expect((await run.round()).failed.map(({ error }) => error.code)).toEqual(['DIGEST-MISMATCH']);
    expect(published()).toEqual([]);
  });

  it.each([
    ['TUF-TARGET-DIFFERS', { sha256: 'a'.repeat(64) }],
    ['TUF-TARGET-DIFFERS', { length: 4_001 }],
    ['TUF-TARGET-UNKNOWN', { file: 'other.jar' }],
    ['TUF-TARGET-UNKNOWN', { file: '../../etc/passwd' }],
  ])('refuses an item with %s: %j', async (code, fields) => {
    origin.repository.addTarget('targets', 'feed.json', feedOf([{ ...itemFor('1602503', JAR), ...fields }]));
    origin.repository.publishAll();
    const run = await rig();
    expect((await run.round()).failed.map(({ error }) => error.code)).toEqual([code]);
    expect(origin.asked.filter((line) => line.includes('.jar'))).toEqual([]);
  });

  it('cannot go back, also after the state was lost', async () => {
    const old = new Map([...origin.repository.published].map(([role, all]) => [role, [...all]]));
    origin.repository.publishAll();
    await (await rig()).round();
    for (const [role, all] of old) origin.repository.published.set(role, all);
    expect((await (await rig()).round()).error?.code).toBe('TUF-ROLLBACK');

    for (const name of files.names().filter((path) => path.startsWith(`${DIR}/state/`))) await files.remove(name);
    expect((await (await rig()).round()).error?.code).toBe('TUF-ROLLBACK');
  });

  it('reports a restored state', async () => {
    await (await rig()).round();
    const state = files.names().filter((path) => path.startsWith(`${DIR}/state/`));
    const before = new Map(state.map((path) => [path, files.content(path)]));
    origin.repository.publishAll();
    await (await rig()).round();
    for (const [path, content] of before) files.plantFile(path, content ?? Buffer.alloc(0));
    const run = await rig();
    expect((await run.round()).error).toBeNull();
    expect(errorsOf(run, 'state-restored')).toEqual(['STATE-RESTORED']);
  });

  it('refuses an id that had another digest in the unsigned feed', async () => {
    const unsigned = await started(startScriptedOrigin());
    const other = makeJar('other', 4_000);
    unsigned.serve('/feed.json', feedOf([itemFor('1602503', other)]));
    unsigned.serve('/1602503.jar', other);
    await (await rig({ feed_url: `${unsigned.url}/feed.json` })).round();
    const run = await rig();
    expect((await run.round()).refused.map(({ error }) => error.code)).toEqual(['ID-REUSED']);
  });
});

describe('a package ready from an unsigned feed', () => {
  it('is published under TUF only if it is a target', async () => {
    const unsigned = await started(startScriptedOrigin());
    unsigned.serve('/feed.json', feedOf([itemFor('1602503', JAR)]));
    unsigned.serve('/1602503.jar', JAR);
    const first = await rig({ feed_url: `${unsigned.url}/feed.json` });
    const since = SIGNED_CLOCK.now();
    await first.ports.hold.set({ until: since + 60_000, since, reason: 'freeze', by: 'root', uid: 0 });
    expect((await first.round()).ready).toEqual(['1602503']);
    await first.ports.hold.release(since);

    Reflect.deleteProperty(origin.repository.content('targets')['targets'] as object, '1602503.jar');
    origin.repository.publishAll();
    expect((await (await rig()).round()).failed.map(({ error }) => error.code)).toEqual(['TUF-TARGET-UNKNOWN']);
    expect(published()).toEqual([]);

    origin.offer(OFFER);
    const run = await rig();
    expect((await run.round()).published).toEqual(['1602503']);
    const found = await run.ports.store.find('1602503');
    expect(found?.sidecar).toMatchObject({ trust: 'signed', feed: `${origin.url}/metadata/` });
    expect(origin.asked.filter((line) => line.includes('.jar'))).toEqual([]);
  });
});

describe('the end of the root rotation', () => {
  const rootRequests = () => origin.asked.filter((line) => line.includes('2.root.json'));

  it('needs the same 404 twice in absolute form', async () => {
    expect((await (await forwarded()).round()).error).toBeNull();
    expect(rootRequests()).toHaveLength(2);
  });

  it('comes from AccessDenied of S3 in absolute form', async () => {
    origin.missing = MISSING.denied;
    expect((await (await forwarded()).round()).error).toBeNull();
  });

  it('comes from any 403 of a server that is reached directly', async () => {
    origin.missing = MISSING.forbidden;
    expect((await (await rig()).round()).error).toBeNull();
  });

  it.each([
    ['another 403', 403, { 'content-type': 'text/plain' }, 'TUF-ROOT-UNSURE'],
    ['a 404 of Squid', 404, { 'x-squid-error': 'ERR_ACCESS_DENIED 0' }, 'PROXY-REFUSED'],
    ['a 403 of Squid', 403, { 'x-squid-error': 'ERR_ACCESS_DENIED 0' }, 'POLICY-DENIED'],
    ['a 503', 503, {}, 'ORIGIN-STATUS'],
    ['a page with 200', 200, { 'content-type': 'text/html' }, 'FEED-NOT-JSON'],
  ])('is not %s in absolute form', async (_what, status, headers, code) => {
    origin.intercept = (request, response) => {
      if (!(request.url ?? '').includes('2.root.json')) return false;
      response.writeHead(status, headers).end('<html><title>Policy</title></html>');
      return true;
    };
    expect((await (await forwarded()).round()).error?.code).toBe(code);
    expect(published()).toEqual([]);
  });
});

describe('mirrors of a signed feed', () => {
  async function mirror(): Promise<SignedOrigin> {
    const one = await started(SignedOrigin.start());
    one.repository.metadata = (request) => origin.repository.metadata(request);
    one.repository.target = (request) => origin.repository.target(request);
    return one;
  }
  const mirrors = (...all: SignedOrigin[]) =>
    origin.settings(ROOT, { mirrors: all.map(({ url }) => ({ metadata_url: `${url}/metadata` })) });

  it('are used in order before the vendor, without tokens and headers', async () => {
    const one = await mirror();
    const sent = { mirror: [] as unknown[], vendor: [] as unknown[] };
    for (const [name, server] of [['mirror', one] as const, ['vendor', origin] as const])
      server.intercept = ({ headers }) => sent[name].push(headers['x-key'], headers.authorization) < 0;
    const settings = testSettings(DIR, { updates: mirrors(one) });
    settings.updates.bearer_token = new Secret('token-of-updates');
    settings.updates.headers = { 'X-Key': new Secret('key-of-updates') };
    const run = await openRig({ files, dir: DIR, settings, clock: SIGNED_CLOCK });
    expect((await run.round()).published).toEqual(['1602503']);
    expect(origin.asked).toEqual([]);
    expect(one.asked.some((line) => line.includes('.jar'))).toBe(true);
    expect(new Set(sent.mirror)).toEqual(new Set([undefined]));

    await one.close();
    await run.round();
    expect(new Set(sent.vendor)).toEqual(new Set(['key-of-updates', 'Bearer token-of-updates']));
  });

  it('are skipped if they are behind or cannot be reached', async () => {
    const behind = await mirror();
    const old = [...(origin.repository.published.get('timestamp') ?? [])].at(-1) as Uint8Array;
    const gone = await SignedOrigin.start();
    await gone.close();
    origin.repository.publishAll();
    await (await rig()).round();
    behind.repository.metadata = async (request) =>
      request.name === 'timestamp.json' ? { kind: 'found', bytes: old } : await origin.repository.metadata(request);
    const run = await rig(mirrors(gone, behind));
    expect((await run.round()).error).toBeNull();
    expect(errorsOf(run, 'mirror-skipped')).toEqual(['TCP-REFUSED', 'MIRROR-STALE']);
  });

  it('that lack a package are followed by the next one', async () => {
    const one = await mirror();
    one.intercept = (request, response) => {
      if (!(request.url ?? '').includes('.jar')) return false;
      response.writeHead(404).end();
      return true;
    };
    const run = await rig(mirrors(one));
    expect((await run.round()).published).toEqual(['1602503']);
    expect(origin.asked.some((line) => line.includes('.jar'))).toBe(true);
  });
});

describe('a signed and an unsigned feed', () => {
  let unsigned: ScriptedOrigin;
  beforeEach(async () => {
    unsigned = await started(startScriptedOrigin());
  });
  const both = () => ({ ...origin.settings(ROOT), feed_url: `${unsigned.url}/feed.json` });

  it('are compared, with one warning for each difference', async () => {
    const extra = makeJar('x', 300);
    unsigned.serve('/feed.json', feedOf([itemFor('extra', extra, { package: 'extra' })]));
    const run = await rig(both());
    expect((await run.round()).published).toEqual(['1602503']);
    await run.round();
    const differing = run.events.flatMap((event) => (event.name === 'feeds-differ' ? [event['id']] : []));
    expect(differing).toEqual(['1602503', 'extra']);
    expect(unsigned.asked.every((line) => line === 'GET /feed.json')).toBe(true);
  });

  it('work without the unsigned one', async () => {
    const run = await rig(both());
    expect(await run.round()).toMatchObject({ error: null, published: ['1602503'] });
    expect(errorsOf(run, 'compared-feed-failed')).toEqual(['ORIGIN-REFUSED']);
  });

  it('need the consent of root to go back to the unsigned one', async () => {
    unsigned.serve('/feed.json', feedOf([]));
    await (await rig()).round();
    const plain = { feed_url: `${unsigned.url}/feed.json` };
    expect((await (await rig(plain)).round()).error?.code).toBe('TRUST-DOWNGRADE');
    for (const name of files.names().filter((path) => path.startsWith(`${DIR}/state/`))) await files.remove(name);
    expect((await (await rig(plain)).round()).error?.code).toBe('TRUST-DOWNGRADE');
    expect(unsigned.asked).toEqual([]);
    expect((await (await rig({ ...plain, trust_downgrade: true })).round()).error).toBeNull();
  });

  it('cannot change the file of an ID that the signed one listed', async () => {
    const other = makeJar('b1', 3_000);
    origin.repository.addTarget('targets', 'b.json', feedOf([itemFor('b1', other, { package: 'b', channel: 'beta' })]));
    origin.repository.publishAll();
    await (await rig(origin.settings(ROOT, { feed_target: ['feed.json', 'b.json'] }))).round();
    unsigned.serve('/feed.json', feedOf([itemFor('b1', JAR)]));
    const { tuf } = origin.settings(ROOT, { feed_target: ['feed.json', 'b.json'] }) as { tuf: object };
    const plain = { feed_url: `${unsigned.url}/feed.json`, trust: 'tls', tuf, trust_downgrade: true };
    const { refused } = await (await rig(plain)).round();
    expect(refused.map(({ error }) => error.code)).toEqual(['ID-REUSED']);
  });
});
