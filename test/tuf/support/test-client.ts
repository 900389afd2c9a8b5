/** A host with a store in memory. Each command opens the client again, as each round of the daemon does. */
import { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { TufClient } from '#trust/tuf/client.ts';
import type { TufSource } from '#trust/tuf/source.ts';
import type { KnownVersions, RefreshResult, TufEvent, TufPorts } from '#trust/tuf/types.ts';
import { NOW_MS } from './simulated-repository.ts';

export const STORE = '/state/trust/repository';

export class TestClient {
  files: CrashingFiles;
  readonly events: TufEvent[] = [];
  readonly source: TufSource;
  initialRoot: Uint8Array;
  nowMs = NOW_MS;
  options: Partial<TufPorts> = {};
  minimumVersions: KnownVersions | null = null;
  readonly signal = new AbortController().signal;

  constructor(source: TufSource & { readonly initialRoot: Uint8Array }, files = emptyHost()) {
    this.source = source;
    this.initialRoot = source.initialRoot;
    this.files = files;
  }

  open(files: Files = this.files): Promise<TufClient> {
    return TufClient.open({
      files,
      dir: STORE,
      source: this.source,
      nowMs: this.nowMs,
      initialRoot: this.initialRoot,
      rootFile: '/etc/root.json',
      minimumVersions: this.minimumVersions,
      report: (event) => void this.events.push(event),
      ...this.options,
    });
  }

  async refresh(): Promise<RefreshResult> {
    return (await this.open()).refresh(this.signal);
  }

  /** The code with which a refresh fails, or `accepted`. */
  async outcome(): Promise<string> {
    return codeOf(this.refresh());
  }

  /** The content of a target; null if no role lists it. */
  async download(path: string): Promise<string | null> {
    const client = await this.open();
    await client.refresh(this.signal);
    const target = await client.find(path, this.signal);
    return target === null ? null : String(Buffer.from(await client.download(target, this.signal)));
  }

  /** Stored roles with their versions, sorted by name; the root also if only the initial one is trusted. */
  trusted(): [string, number][] {
    const stored = this.files.names().filter((name) => name.startsWith(STORE) && name.endsWith('.json'));
    const roles = stored.flatMap((path): [string, number][] => {
      const name = path.slice(path.lastIndexOf('/') + 1, -'.json'.length);
      if (name === 'versions' || path.includes('/root/')) return [];
      return [[name, versionIn(this.files.content(path))]];
    });
    return [...roles, ['root', this.rootVersion()] as [string, number]].sort(([one], [other]) =>
      one < other ? -1 : 1,
    );
  }

  version(role: string): number | null {
    return this.trusted().find(([name]) => name === role)?.[1] ?? null;
  }

  content(role: string): Buffer | null {
    return this.files.content(`${STORE}/${role}.json`);
  }

  rootVersion(): number {
    const versions = this.files
      .names()
      .flatMap((path) => /\/root\/(\d+)\.root\.json$/.exec(path)?.[1] ?? [])
      .map(Number);
    return Math.max(versionIn(Buffer.from(this.initialRoot)), ...versions);
  }
}

export function emptyHost(): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFolder('/state');
  return files;
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown.code;
    throw thrown;
  }
}

function versionIn(bytes: Buffer | null): number {
  const { signed } = JSON.parse(String(bytes)) as { signed: { version: number } };
  return signed.version;
}
