import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Choice = 'pinned' | 'own' | 'fetched' | 'none';

interface Launcher {
  readonly FALLBACK: { readonly version: string };
  readonly chooseNode: (known: {
    readonly pinned: { readonly runs: boolean; readonly reason: string };
    readonly own: string;
    readonly platform: string;
  }) => Choice;
  readonly describeFallback: (platform: string) => Readonly<Record<'package.json' | 'package-lock.json', object>>;
}

// Plain JavaScript, which the types do not see.
const { chooseNode, describeFallback, FALLBACK } = (await import(
  new URL('../../tools/choose-node.js', import.meta.url).href
)) as Launcher;

const RUNS = { runs: true, reason: '' };
const WITHOUT_LIBRARY = {
  runs: false,
  reason: 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file',
};
const ABSENT = { runs: false, reason: 'spawnSync node ENOENT' };
const OLD_LIBC = { runs: false, reason: "node: /lib/libc.so.6: version `GLIBC_2.28' not found" };

describe('choosing the Node', () => {
  it.each<[string, Choice, Parameters<Launcher['chooseNode']>[0]]>([
    ['the pinned one where it runs', 'pinned', { pinned: RUNS, own: '20.20.2', platform: 'linux-x64' }],
    ['the pinned one before a newer own', 'pinned', { pinned: RUNS, own: '27.1.0', platform: 'linux-x64' }],
    ['an own one from 24.15', 'own', { pinned: WITHOUT_LIBRARY, own: '24.15.0', platform: 'linux-x64' }],
    ['an own one of a later line', 'own', { pinned: ABSENT, own: '25.0.0', platform: 'darwin-arm64' }],
    [
      'a fetched one before an own 24.14',
      'fetched',
      { pinned: WITHOUT_LIBRARY, own: '24.14.9', platform: 'linux-x64' },
    ],
    ['a fetched one on arm64', 'fetched', { pinned: WITHOUT_LIBRARY, own: '20.0.0', platform: 'linux-arm64' }],
    ['none where no build would start', 'none', { pinned: OLD_LIBC, own: '20.20.2', platform: 'linux-x64' }],
    ['none where nothing comes with the packages', 'none', { pinned: ABSENT, own: '20.20.2', platform: 'darwin-x64' }],
  ])('choosing the Node: %s', (_, choice, known) => {
    expect(chooseNode(known)).toBe(choice);
  });
});

describe('fallback Node', () => {
  it.each(['linux-x64', 'linux-arm64'])(
    'fallback Node: the lock file has one package with its digest for %s',
    (platform) => {
      const name = `node-${platform}`;
      const { 'package.json': wish, 'package-lock.json': lock } = describeFallback(platform);

      expect(wish).toEqual({ private: true, dependencies: { [name]: expect.stringMatching(/^24\.\d+\.\d+$/) } });
      expect(lock).toMatchObject({
        packages: { [`node_modules/${name}`]: { integrity: expect.stringMatching(/^sha512-\S{88}$/) } },
      });
    },
  );

  it('fallback Node: it is new enough to run the program', () => {
    expect(chooseNode({ pinned: WITHOUT_LIBRARY, own: FALLBACK.version, platform: 'linux-x64' })).toBe('own');
  });

  it('fallback Node: git ignores its folder', () => {
    expect(readFileSync(new URL('../../.gitignore', import.meta.url), 'utf8').split('\n')).toContain('.cache/');
  });
});
