/** Which delegated roles may sign a path, in which order, and how many files a search costs. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rounds } from '#test/support/rounds.ts';
import { matchesPattern } from '#trust/tuf/path-pattern.ts';
import { SimulatedRepository } from './support/simulated-repository.ts';
import { TestClient } from './support/test-client.ts';

function start(): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  return { repository, client: new TestClient(repository) };
}

describe('path patterns', () => {
  it.each([
    // The examples of TUF 4.5.
    ['targets/foo.tgz', 'targets/*.tgz', true],
    ['targets/foo.txt', 'targets/*.tgz', false],
    ['foo-version-2.tgz', 'foo-version-?.tgz', true],
    ['foo-version-alpha.tgz', 'foo-version-?.tgz', false],
    ['foo.tgz', '*.tgz', true],
    ['targets/foo.tgz', '*.tgz', false],
    ['foo.tgz', 'foo.tgz', true],
    // Marks that minimatch gives a meaning stand for themselves.
    ['x', '!secret', false],
    ['!secret', '!secret', true],
    ['a', '{a,b}', false],
    ['{a,b}', '{a,b}', true],
    ['aa', '+(a)', false],
    ['+(a)', '+(a)', true],
    ['x', '#x', false],
    ['#x', '#x', true],
    ['a/b/c', '**', false],
    ['abc', '**', true],
    ['a/x/c', 'a/**/c', true],
    ['.hidden', '*', true],
    ['a\\b', 'a\\b', true],
    ['*', '\\*', false],
    ['\\x', '\\*', true],
    // Segments are compared one by one, and no wildcard covers a slash.
    ['a/b', 'a?b', false],
    ['a/b', 'a[/]b', false],
    ['a/b', '*', false],
    ['a', 'a/', false],
    ['/a', 'a', false],
    ['a/', 'a/*', true],
    ['', '', true],
    ['', '*', true],
    ['a', '', false],
    // Letters differ by case, and a character is a code point.
    ['A', 'a', false],
    ['🙂', '?', true],
    ['e\u0301', '?', false],
    // Sets.
    ['b', '[abc]', true],
    ['d', '[abc]', false],
    ['5', '[0-9]', true],
    ['x', '[!0-9]', true],
    ['5', '[!0-9]', false],
    [']', '[]a]', true],
    ['-', '[a-]', true],
    ['^', '[^a]', true],
    ['b', '[^a]', false],
    ['[', '[', true],
    ['[a', '[a', true],
    ['a', '[a', false],
    // Several stars.
    ['abcabd', 'a*bd', true],
    ['abcabd', '*b*b?', true],
    ['aaa', 'a*a*a*a', false],
  ])('path patterns: %j against %j is %j', (path, pattern, expected) => {
    expect(matchesPattern(path, pattern)).toBe(expected);
  });

  it('path patterns: stars and question marks mean what a regular expression says', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '/', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, text, (path, pattern) => {
        const source = [...pattern].map((one) => ({ '*': '[^/]*', '?': '[^/]', '.': '\\.' })[one] ?? one).join('');
        expect(matchesPattern(path, pattern)).toBe(new RegExp(`^${source}$`).test(path));
      }),
      { numRuns: rounds(500) },
    );
  });

  it('path patterns: many stars take no exponential time', () => {
    const began = performance.now();
    expect(matchesPattern(`${'a'.repeat(5_000)}b`, `${'a*'.repeat(50)}c`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe('delegated roles', () => {
  const NAMES = ['zeta', '10', '2', '__proto__', 'constructor', '..', '.', 'A', 'a', 'ä', 'x'.repeat(300)];

  it('delegations: roles are searched in the order of the file, whatever their names', async () => {
    const { repository, client } = start();
    for (const name of NAMES) repository.delegate('targets', { name });
    repository.publishAll();

    expect(await client.download('missing')).toBeNull();
    expect(repository.metadataRequests.slice(4).map(([name]) => name)).toEqual(NAMES);
  });

  it('delegations: each role has its own file below the folder of the store', async () => {
    const { repository, client } = start();
    for (const name of NAMES) repository.delegate('targets', { name });
    repository.publishAll();
    await client.download('missing');
    const stored = client.files.names().filter((path) => path.startsWith('/state/trust/repository/roles/'));

    expect(stored).toHaveLength(NAMES.length);
    expect(new Set(stored.map((path) => path.toLowerCase())).size).toBe(NAMES.length);
    repository.metadataRequests.length = 0;
    await client.download('missing');
    expect(repository.metadataRequests.map(([name]) => name)).toEqual(['root', 'timestamp']);
  });

  it('delegations: searches at the same time fetch each role once', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team' });
    for (const path of ['a', 'b', 'c']) repository.addTarget('team', path, path);
    repository.publishAll();
    const tuf = await client.open();
    await tuf.refresh(client.signal);
    const found = await Promise.all(['a', 'b', 'c'].map((path) => tuf.find(path, client.signal)));

    expect(found.map((target) => target?.path)).toEqual(['a', 'b', 'c']);
    expect(repository.metadataRequests.filter(([name]) => name === 'team')).toHaveLength(1);
  });

  it('delegations: the first role that lists a path wins', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: '9' });
    repository.delegate('targets', { name: '1' });
    repository.addTarget('1', 'a', 'of 1!');
    repository.addTarget('9', 'a', 'of 9!');
    repository.publishAll();

    expect(await client.download('a')).toBe('of 9!');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('delegations: a target may be called %s', async (path) => {
    const { repository, client } = start();
    expect(await client.download(path)).toBeNull();
    repository.addTarget('targets', path, 'content');
    repository.publishAll();

    expect(await client.download(path)).toBe('content');
  });

  it('delegations: patterns of the models with a special meaning delegate nothing else', async () => {
    const { repository, client } = start();
    for (const pattern of ['!secret', '{a,b}', '+(a)', '#a']) {
      repository.delegate('targets', { name: `role ${pattern}`, paths: [pattern] });
    }
    repository.publishAll();

    expect(await client.download('a')).toBeNull();
    expect(repository.metadataRequests.slice(4)).toEqual([]);
    expect(await client.download('!secret')).toBeNull();
    expect(repository.metadataRequests.at(-1)).toEqual(['role !secret', 1]);
  });

  it('delegations: hash prefixes delegate the paths whose hash begins with one', async () => {
    const { repository, client } = start();
    const hash = createHash('sha256').update('a/b').digest('hex');
    const other = hash.startsWith('0') ? '1' : '0';
    repository.delegate('targets', { name: 'other', pathHashPrefixes: [other, `${hash.slice(0, 4)}x`] });
    repository.delegate('targets', { name: 'right', pathHashPrefixes: [other, hash.slice(0, 4)] });
    repository.addTarget('right', 'a/b', 'content');
    repository.publishAll();

    expect(await client.download('a/b')).toBe('content');
    expect(repository.metadataRequests.slice(4)).toEqual([['right', 1]]);
  });

  it('delegations: a role without patterns and prefixes signs nothing', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'empty', paths: null });
    repository.publishAll();

    expect(await client.download('a')).toBeNull();
    expect(repository.metadataRequests.slice(4)).toEqual([]);
  });

  it('delegations: a path with half of a surrogate pair is not the path that was signed', async () => {
    const { repository, client } = start();
    repository.addTarget('targets', 'a\ufffd', 'content');
    repository.publishAll();

    expect(await client.download('a\ud800')).toBeNull();
  });

  it('delegations: of 16,384 bins only those of the requested paths are fetched', async () => {
    const { repository, client } = start();
    const bits = 14;
    const [key] = repository.signers.get('targets') ?? [];
    repository.content('targets')['delegations'] = {
      keys: { [key?.keyId ?? '']: key?.fields ?? {} },
      succinct_roles: { keyids: [key?.keyId ?? ''], threshold: 1, bit_length: bits, name_prefix: 'bin' },
    };
    // All bins are listed; only the two that are needed exist, which saves 16,382 signatures.
    const meta = repository.content('snapshot')['meta'] as Record<string, { version: number }>;
    for (let bin = 0; bin < 2 ** bits; bin += 1) meta[`bin-${bin.toString(16).padStart(4, '0')}.json`] = { version: 1 };
    const paths = ['feed.json', 'packages/a.jar'];
    const bins = paths.map((path) => {
      const number = createHash('sha256').update(path).digest().readUInt32BE() >>> (32 - bits);
      return `bin-${number.toString(16).padStart(4, '0')}`;
    });
    for (const [index, name] of bins.entries()) {
      repository.signed.set(name, { ...structuredClone(repository.content('targets')), version: 1, targets: {} });
      delete repository.content(name)['delegations'];
      repository.signers.set(name, key === undefined ? [] : [key]);
      repository.addTarget(name, paths[index] ?? '', `content ${index}`);
      repository.publish(name);
    }
    repository.publish('targets', 'snapshot', 'timestamp');
    const tuf = await client.open();
    await tuf.refresh(client.signal);
    for (const path of paths) expect(await tuf.find(path, client.signal)).not.toBeNull();

    expect(repository.metadataRequests.map(([name]) => name)).toEqual([
      'root',
      'timestamp',
      'snapshot',
      'targets',
      ...bins,
    ]);
  });
});

describe('a whole repository', () => {
  it('everything: a mirror that keeps what it gets serves the same targets', async () => {
    const { repository, client } = start();
    repository.delegate('targets', { name: 'team/a', paths: ['a/*'] });
    repository.delegate('team/a', { name: 'deep', paths: ['a/*'] });
    repository.addTarget('targets', 'feed.json', '{}');
    repository.addTarget('team/a', 'a/1', 'one');
    repository.addTarget('team/a', 'b/2', 'not trusted for this path');
    repository.addTarget('deep', 'a/3', 'three');
    repository.publish('root');
    repository.publishAll();
    const tuf = await client.open();
    await tuf.refresh(client.signal);
    const names: string[] = [];
    const files = new Map<string, Uint8Array>();
    for await (const file of tuf.everything(client.signal)) {
      names.push(file.kind === 'target' ? file.target.path : file.name);
      if (file.kind === 'metadata') files.set(file.name, file.bytes);
    }

    expect(names.toSorted()).toEqual(
      ['feed.json', 'a/1', 'a/3', '1.deep.json', '1.team/a.json', '2.targets.json', '2.snapshot.json']
        .concat(['1.root.json', '2.root.json', 'timestamp.json'])
        .toSorted(),
    );
    expect(names.at(-1)).toBe('timestamp.json');
    repository.onMetadata = (name) => files.get(name) ?? null;
    const host = new TestClient(repository);
    expect(await host.download('a/3')).toBe('three');
  });
});
