/**
 * A Squid that answers for the update server with another repository: whatever it swaps consistently, only what the vendor has
 * signed is published, and each refusal has its code.
 */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig } from '#test/support/round-rig.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const ROOT = '/etc/root.json';
const JAR = makeJar('1602503', 20_000);
const FORGED = makeJar('forged', 20_000);

describeWith(['squid'], 'a proxy that swaps a signed repository', () => {
  let origin: SignedOrigin;
  let forger: SignedOrigin;
  /** Each sends the requests for the paths of its expression to the forger, and all others to the server. */
  const squids = new Map<string, RunningSquid>();
  const SWAPPED = {
    nothing: '^/never',
    everything: '.',
    'all but roots': '^/(targets/|metadata/[^r]*$)',
    packages: '[.]jar$',
  } as const;

  beforeAll(async () => {
    [origin, forger] = await Promise.all([SignedOrigin.start(), SignedOrigin.start()]);
    for (const [what, paths] of Object.entries(SWAPPED)) squids.set(what, await startSwapping(paths));
  }, 120_000);
  afterAll(async () => {
    await Promise.all([origin, forger].map((one) => one?.close()));
    await Promise.all([...squids.values()].map((one) => one.stop()));
  });
  beforeEach(() => {
    origin.offer([{ item: itemFor('1602503', JAR), bytes: JAR }]);
    forger.offer([{ item: itemFor('1602503', FORGED), bytes: FORGED }]);
    forger.asked.length = 0;
    forger.intercept = () => false;
  });

  function startSwapping(paths: string): Promise<RunningSquid> {
    const peer = `cache_peer 127.0.0.1 parent ${forger.port} 0 no-query no-digest originserver name=forger`;
    const lines = [`acl swapped urlpath_regex ${paths}`, 'cache_peer_access forger allow swapped'];
    return startSquid({ extra: [peer, ...lines, 'cache_peer_access forger deny all', 'never_direct allow swapped'] });
  }

  async function host(what: string, files = new CrashingFiles()) {
    files.plantFile(ROOT, origin.repository.initialRoot);
    const port = squids.get(what)?.port ?? 0;
    const proxies = [{ name: 'corp', address: '127.0.0.1', port, default: true }];
    const settings = testSettings('/data', { proxies, updates: origin.settings(ROOT), retry: { attempts: 1 } });
    const { round } = await openRig({ files, dir: '/data', settings, clock: SIGNED_CLOCK });
    const { error, failed, published } = await round();
    const jars = files.names().filter((name) => name.endsWith('.jar'));
    return {
      files,
      codes: [error, ...failed.map((one) => one.error)].map((one) => one?.code ?? null),
      published,
      jars,
    };
  }

  it.each(['everything', 'all but roots'])(
    'swapped feed: metadata and package of %s are refused together',
    async (what) => {
      const { codes, jars } = await host(what);
      expect({ codes, jars }).toEqual({ codes: ['TUF-SIGNATURE'], jars: [] });
      expect(forger.asked).toContain('GET /metadata/timestamp.json');
    },
  );

  it('swapped feed: a new root that only the forger has signed is refused', async () => {
    forger.repository.publish('root');
    expect(await host('everything')).toMatchObject({ codes: ['TUF-SIGNATURE'], jars: [] });
    expect(forger.asked.some((line) => line.startsWith('GET /metadata/2.root.json'))).toBe(true);
  });

  it('swapped feed: a package alone is refused by its digest', async () => {
    // Its name contains the digest of the real one.
    forger.intercept = ({ url = '' }, response) => {
      if (url.endsWith('.jar')) response.end(FORGED);
      return url.endsWith('.jar');
    };
    expect(await host('packages')).toMatchObject({ codes: [null, 'DIGEST-MISMATCH'], jars: [] });
    expect(forger.asked.some((line) => line.endsWith('.jar'))).toBe(true);
  });

  it('swapped feed: an older state is refused, and the next honest check works', async () => {
    const { files } = await host('nothing');
    const [own, old] = [forger.repository.copy(), origin.repository.copy()];
    const next = makeJar('u2', 10_000);
    origin.offer([{ item: itemFor('u2', next, { package: 'u2' }), bytes: next }]);
    expect((await host('nothing', files)).published).toEqual(['u2']);

    forger.repository.serve(old);
    expect(await host('all but roots', files)).toMatchObject({ codes: ['TUF-ROLLBACK'], published: [] });
    expect(forger.asked).toEqual(['GET /metadata/timestamp.json']);
    forger.repository.serve(own);
    expect(await host('nothing', files)).toMatchObject({ codes: [null] });
  });
});
