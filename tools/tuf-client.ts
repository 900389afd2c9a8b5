/**
 * The client of the conformance suite of TUF (theupdateframework/tuf-conformance, CLIENT-CLI.md): `init`, `refresh` and `download`
 * over plain HTTP. `tools/tuf-client.js` starts it on the pinned Node. The suite reads unversioned files from `--metadata-dir`,
 * so the files of the store are copied there after each command. Exit status 0 or 1.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coded } from '#errors/coded-error.ts';
import { RealFiles } from '#system/real-files.ts';
import { TufClient } from '#trust/tuf/client.ts';
import { findDifference } from '#trust/tuf/hashes.ts';
import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';
import type { SignedTarget } from '#trust/tuf/types.ts';

/** What was given to the command. */
interface Options {
  readonly metadataDir: string;
  readonly metadataUrl: string;
  readonly targetUrl: string;
  readonly targetDir: string;
  readonly targets: readonly string[];
}

/** Below `--metadata-dir`; its name does not end in `.json`, so the suite does not read it. */
const STORE = 'store';

/** A repository behind two URLs. A path is encoded segment by segment. */
class HttpSource implements TufSource {
  readonly #metadataUrl: string;
  readonly #targetUrl: string;

  constructor(metadataUrl: string, targetUrl: string) {
    this.#metadataUrl = metadataUrl;
    this.#targetUrl = targetUrl;
  }

  async metadata({ name, limitBytes, signal }: MetadataRequest): Promise<MetadataReply> {
    const bytes = await request(`${this.#metadataUrl}/${encodeURIComponent(name)}`, limitBytes, signal);
    return bytes === null ? { kind: 'missing' } : { kind: 'found', bytes };
  }

  async target({ names, limitBytes, signal }: TargetRequest): Promise<Uint8Array> {
    for (const name of names) {
      const path = name.split('/').map(encodeURIComponent).join('/');
      const bytes = await request(`${this.#targetUrl}/${path}`, limitBytes, signal);
      if (bytes !== null) return bytes;
    }
    const [file = ''] = names;
    throw coded('TUF-MISSING', { file, role: 'targets', listedBy: 'the metadata', clause: '5.7.3' });
  }
}

/** The body, at most `limitBytes`; null for a file that does not exist. */
async function request(url: string, limitBytes: number, signal: AbortSignal): Promise<Uint8Array | null> {
  const response = await fetch(url, { signal });
  if (response.status === 404) return null;
  if (response.status !== 200) throw new Error(`status ${response.status} for ${url}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limitBytes) throw coded('TUF-LIMIT', { file: url, role: '-', limit: limitBytes, clause: '5' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function init(metadataDir: string, root: string): void {
  mkdirSync(join(metadataDir, STORE), { recursive: true });
  cpSync(root, join(metadataDir, 'root.json'));
  cpSync(root, join(metadataDir, STORE, 'initial-root'));
}

function open({ metadataDir, metadataUrl, targetUrl }: Options): Promise<TufClient> {
  const dir = join(metadataDir, STORE);
  return TufClient.open({
    files: new RealFiles(),
    dir,
    source: new HttpSource(metadataUrl, targetUrl),
    nowMs: Date.now(),
    initialRoot: readFileSync(join(dir, 'initial-root')),
    rootFile: join(dir, 'initial-root'),
    report: (event) => process.stderr.write(`${event.kind}\n`),
  });
}

async function download(client: TufClient, options: Options, signal: AbortSignal): Promise<void> {
  for (const path of options.targets) {
    const target = await client.find(path, signal);
    if (target === null) throw coded('TUF-TARGET-UNKNOWN', { path });
    const file = join(options.targetDir, encodeURIComponent(path));
    if (isCached(file, target)) continue;
    const unfinished = `${file}.new`;
    writeFileSync(unfinished, await client.download(target, signal));
    renameSync(unfinished, file);
  }
}

function isCached(file: string, target: SignedTarget): boolean {
  try {
    return findDifference(readFileSync(file), target) === null;
  } catch {
    return false;
  }
}

/** The trusted files under the names that the suite reads. */
function copyTrusted(metadataDir: string): void {
  const store = join(metadataDir, STORE);
  const roots = readdirSync(join(store, 'root')).filter((name) => name.endsWith('.json'));
  const newest = roots.toSorted((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10)).at(-1);
  for (const name of readdirSync(metadataDir)) if (name.endsWith('.json')) rmSync(join(metadataDir, name));
  cpSync(
    newest === undefined ? join(store, 'initial-root') : join(store, 'root', newest),
    join(metadataDir, 'root.json'),
  );
  for (const folder of [store, join(store, 'roles')]) {
    for (const name of readdirSync(folder)) {
      if (name.endsWith('.json') && name !== 'versions.json') cpSync(join(folder, name), join(metadataDir, name));
    }
  }
}

/** Runs a command of the protocol. @throws an error for exit status 1 */
export async function runTufClient(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'metadata-dir': { type: 'string', default: '' },
      'metadata-url': { type: 'string', default: '' },
      'target-name': { type: 'string', multiple: true, default: [] },
      'target-base-url': { type: 'string', default: '' },
      'target-dir': { type: 'string', default: '' },
    },
  });
  const metadataDir = values['metadata-dir'];
  const [command, root = ''] = positionals;
  if (command === 'init') return init(metadataDir, root);
  if (command !== 'refresh' && command !== 'download') throw new Error(`unknown command ${command}`);
  const options: Options = {
    metadataDir,
    metadataUrl: values['metadata-url'].replace(/\/$/, ''),
    targetUrl: values['target-base-url'].replace(/\/$/, ''),
    targetDir: values['target-dir'],
    targets: values['target-name'],
  };
  const { signal } = new AbortController();
  try {
    const client = await open(options);
    await client.refresh(signal);
    if (command === 'download') await download(client, options, signal);
  } finally {
    copyTrusted(metadataDir);
  }
}

if (import.meta.main) {
  await runTufClient(process.argv.slice(2)).catch((thrown: unknown) => {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  });
}
