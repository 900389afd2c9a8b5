/** Cases of tuf-conformance (HEAD, module test_updater_delegation_graphs), named as there. */
import { describe, expect, it } from 'vitest';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { codeOf, TestClient } from '#test/tuf/support/test-client.ts';

interface Edge {
  readonly from?: string;
  readonly to: string;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
}

function build(edges: readonly Edge[]): { repository: SimulatedRepository; client: TestClient } {
  const repository = new SimulatedRepository();
  for (const { from = 'targets', to, ...options } of edges) {
    const known = repository.signers.get(to);
    const key = repository.delegate(from, { name: to, ...options });
    if (known !== undefined) repository.signers.set(to, [...known, key]);
  }
  repository.publishAll();
  return { repository, client: new TestClient(repository) };
}

function visited(repository: SimulatedRepository): string[] {
  return repository.metadataRequests.slice(4).map(([role]) => role);
}

const PY = ['*.py'];

describe('tuf-conformance', () => {
  it.each<[string, readonly Edge[], string]>([
    ['basic-delegation', [{ to: 'A' }], 'A'],
    ['single-level-delegations', [{ to: 'A' }, { to: 'B' }], 'A B'],
    ['two-level-delegations', [{ to: 'A' }, { to: 'B' }, { from: 'B', to: 'C' }], 'A B C'],
    [
      'two-level-test-DFS-order-of-traversal',
      [{ to: 'A' }, { to: 'B' }, { from: 'A', to: 'C' }, { from: 'A', to: 'D' }],
      'A C D B',
    ],
    [
      'three-level-delegation-test-DFS-order-of-traversal',
      [{ to: 'A' }, { to: 'B' }, { from: 'A', to: 'C' }, { from: 'C', to: 'D' }],
      'A C D B',
    ],
    [
      'two-level-terminating-ignores-all-but-roles-descendants',
      [{ to: 'A' }, { to: 'B' }, { from: 'A', to: 'C', terminating: true }, { from: 'A', to: 'D' }],
      'A C',
    ],
    [
      'three-level-terminating-ignores-all-but-roles-descendants',
      [{ to: 'A' }, { to: 'B' }, { from: 'A', to: 'C', terminating: true }, { from: 'C', to: 'D' }],
      'A C D',
    ],
    [
      'two-level-ignores-all-branches-not-matching-paths',
      [{ to: 'A', paths: PY }, { to: 'B' }, { from: 'A', to: 'C' }],
      'B',
    ],
    [
      'three-level-ignores-all-branches-not-matching-paths',
      [{ to: 'A' }, { to: 'B' }, { from: 'A', to: 'C', paths: PY }, { from: 'C', to: 'D' }],
      'A B',
    ],
    [
      'cyclic-graph',
      [{ to: 'A' }, { to: 'B' }, { from: 'B', to: 'C' }, { from: 'C', to: 'D' }, { from: 'D', to: 'B' }],
      'A B C D',
    ],
    [
      'two-roles-delegating-to-a-third',
      [{ to: 'A' }, { to: 'B' }, { from: 'B', to: 'C' }, { from: 'A', to: 'C' }],
      'A C B',
    ],
    [
      'two-roles-delegating-to-a-third-different-paths',
      [{ to: 'A' }, { to: 'B' }, { from: 'B', to: 'C' }, { from: 'A', to: 'C', paths: PY }],
      'A B C',
    ],
  ])('test_graph_traversal[%s]', async (_name, edges, order) => {
    const { repository, client } = build(edges);

    expect(await client.download('missingpath')).toBeNull();
    expect(visited(repository)).toEqual(order.split(' '));
  });

  it.each([
    ['no delegations', 'targetfile', true, ''],
    ['targetpath matches wildcard', 'README.md', true, 'A'],
    ['targetpath with separators x', 'releases/x/x_v1', true, 'B C'],
    ['targetpath with separators y', 'releases/y/y_v1.zip', true, 'B D'],
    ['targetpath is not delegated by all roles in the chain', 'releases/z/z_v1.zip', false, 'B'],
  ])('test_targetfile_search[%s]', async (_name, path, isFound, order) => {
    const { repository, client } = build([
      { to: 'A', paths: ['*.doc', '*.md'] },
      { to: 'B', paths: ['releases/*/*'] },
      { from: 'B', to: 'C', paths: ['releases/x/*'] },
      { from: 'B', to: 'D', paths: ['releases/y/*.zip'] },
    ]);
    repository.addTarget('targets', 'targetfile', 'content of targetfile');
    repository.addTarget('A', 'README.md', 'content of README.md');
    repository.addTarget('C', 'releases/x/x_v1', 'content of releases/x/x_v1');
    repository.addTarget('D', 'releases/y/y_v1.zip', 'content of releases/y/y_v1.zip');
    repository.addTarget('D', 'releases/z/z_v1.zip', 'content of releases/z/z_v1.zip');
    repository.publishAll();

    expect(await client.download(path)).toBe(isFound ? `content of ${path}` : null);
    expect(visited(repository)).toEqual(order === '' ? [] : order.split(' '));
  });

  it.each([
    ['bin amount = 2, target bin index 0', 1, 'foo', 'bin-0'],
    ['bin amount = 2, target bin index 1', 1, 'too', 'bin-1'],
    ['bin amount = 4, target bin index 0', 2, 'foo', 'bin-0'],
    ['bin amount = 4, target bin index 1', 2, 'doo', 'bin-1'],
    ['bin amount = 4, target bin index 2', 2, 'too', 'bin-2'],
    ['bin amount = 4, target bin index 3', 2, 'bar', 'bin-3'],
    ['bin amount = 256, target bin index fc', 8, 'bar', 'bin-fc'],
  ])('test_succinct_roles_graph_traversal[%s]', async (_name, bitLength, path, bin) => {
    const repository = new SimulatedRepository();
    const client = new TestClient(repository);
    repository.delegateToBins('targets', bitLength, 'bin');
    repository.publishAll();

    expect(await client.download(path)).toBeNull();
    expect(visited(repository)).toEqual([bin]);
  });

  it('test_TestDelegateConsistentSnapshotDisabled', async () => {
    const repository = new SimulatedRepository();
    const client = new TestClient(repository);
    repository.root['consistent_snapshot'] = false;
    repository.publish('root');
    for (const name of ['role1', '..', '.']) repository.delegate('targets', { name });
    repository.publishAll();

    expect(await client.outcome()).toBe('accepted');
    expect(await client.download('missingpath')).toBeNull();
    expect(repository.metadataRequests.slice(-3)).toEqual([
      ['role1', null],
      ['..', null],
      ['.', null],
    ]);
    expect(client.files.names().every((path) => path.startsWith('/state/trust/repository/'))).toBe(true);
  });

  it('test_cached_role_is_verified_against_current_delegator', async () => {
    // A and B delegate to C with different keys. C is signed for A only, so B cannot vouch for it.
    const repository = new SimulatedRepository();
    const client = new TestClient(repository);
    repository.delegate('targets', { name: 'A', paths: ['a/*'] });
    repository.delegate('targets', { name: 'B', paths: ['b/*'] });
    repository.delegate('A', { name: 'C', paths: ['a/*'] });
    const [signer] = repository.signers.get('C') ?? [];
    repository.delegate('B', { name: 'C', paths: ['b/*'] });
    repository.signers.set('C', signer === undefined ? [] : [signer]);
    repository.addTarget('C', 'a/target', 'for A');
    repository.addTarget('C', 'b/target', 'for B');
    repository.publishAll();
    const tuf = await client.open();
    await tuf.refresh(client.signal);

    expect((await tuf.find('a/target', client.signal))?.role).toBe('C');
    expect(await codeOf(tuf.find('b/target', client.signal))).toBe('TUF-SIGNATURE');
    expect((await tuf.find('a/target', client.signal))?.role).toBe('C');
  });
});
