/** The client for the conformance suite, over real HTTP and on the real disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { runTufClient } from '#tools/tuf-client.ts';

let folder: string;
let server: Server;
let repository: SimulatedRepository;
const requests: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tuf-client-'));
  repository = new SimulatedRepository();
  for (const role of ['root', 'timestamp', 'snapshot', 'targets']) repository.expire(role, Date.now() + 86_400_000);
  repository.publish('root', 'targets', 'snapshot', 'timestamp');
  requests.length = 0;
  const { signal } = new AbortController();
  server = createServer((request, response) => {
    const [, kind, ...path] = (request.url ?? '').split('/');
    requests.push(request.url ?? '');
    const name = path.map(decodeURIComponent).join('/');
    const sent =
      kind === 'metadata'
        ? repository.metadata({ name, limitBytes: 1e9, revalidate: false, signal })
        : repository
            .target({ names: [name], limitBytes: 1e9, signal })
            .then((bytes) => ({ kind: 'found', bytes }) as const);
    sent.then(
      (reply) => (reply.kind === 'found' ? response.end(reply.bytes) : response.writeHead(404).end()),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

function run(command: string, ...targets: string[]): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const names = targets.flatMap((target) => ['--target-name', target]);
  const dirs = ['--metadata-dir', folder, '--target-dir', folder];
  return runTufClient([
    ...dirs,
    '--metadata-url',
    `${url}/metadata`,
    '--target-base-url',
    `${url}/targets/`,
    ...names,
    command,
  ]);
}

async function init(): Promise<void> {
  writeFileSync(join(folder, 'trusted'), repository.initialRoot);
  await runTufClient(['--metadata-dir', folder, 'init', join(folder, 'trusted')]);
}

describe('tools/tuf-client', () => {
  it('tuf-client: init requests nothing, and refresh keeps each file as it was sent', async () => {
    await init();
    expect(requests).toEqual([]);
    expect(readFileSync(join(folder, 'root.json'))).toEqual(Buffer.from(repository.initialRoot));
    await run('refresh');

    for (const role of ['root', 'timestamp', 'snapshot', 'targets']) {
      expect(readFileSync(join(folder, `${role}.json`))).toEqual(Buffer.from(repository.last(role)));
    }
    expect(requests).toEqual(
      ['2.root.json', '3.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json'].map(
        (name) => `/metadata/${name}`,
      ),
    );
  });

  it('tuf-client: download stores several targets, and a target of a role with an unusual name', async () => {
    repository.delegate('targets', { name: '../role?#', paths: ['team/*'] });
    repository.addTarget('targets', 'a', 'content of a');
    repository.addTarget('../role?#', 'team/b c', 'content of b');
    for (const role of ['../role?#', 'targets', 'snapshot', 'timestamp'])
      repository.expire(role, Date.now() + 86_400_000);
    repository.publishAll();
    await init();
    await run('download', 'a', 'team/b c');
    const before = requests.length;
    await run('download', 'a');

    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('content of a');
    expect(readFileSync(join(folder, 'team%2Fb%20c'), 'utf8')).toBe('content of b');
    expect(requests).toContain('/metadata/1...%2Frole%3F%23.json');
    expect(requests.slice(before).filter((url) => url.startsWith('/targets/'))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).toHaveLength(5);
  });

  it('tuf-client: an unknown target, a refused file and an unknown command fail', async () => {
    await init();
    await expect(run('download', 'missing')).rejects.toThrow('TUF-TARGET-UNKNOWN');
    repository.signers.set('timestamp', []);
    repository.publish('timestamp');
    await expect(run('refresh')).rejects.toThrow('TUF-SIGNATURE');
    await expect(run('bogus')).rejects.toThrow('unknown command');
  });
});
