/**
 * A TUF repository in memory that tests can change and break in any way. It signs what a test puts into `signed`, whether it
 * makes sense or not, keeps every published version, and records each request.
 */
import { createHash } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';
import { type Json, type JsonFields, type TestKey, testKey } from './test-keys.ts';

const TOP_LEVEL = ['root', 'timestamp', 'snapshot', 'targets'] as const;
const DAY_MS = 86_400_000;

/** The time at which tests run. */
export const NOW_MS = Date.parse('2026-11-30T12:00:00Z');

export function dateTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

export interface DelegationOptions {
  readonly name: string;
  readonly paths?: readonly string[] | null;
  readonly pathHashPrefixes?: readonly string[];
  readonly terminating?: boolean;
  readonly threshold?: number;
  readonly expiresMs?: number;
}

interface Metadata {
  signed: JsonFields;
  signatures: { keyid: string; sig: string }[];
}

export class SimulatedRepository implements TufSource {
  /** The content of each role, to be changed before `publish`. */
  readonly signed = new Map<string, JsonFields>();
  /** Keys that sign a role at the next `publish`. */
  readonly signers = new Map<string, TestKey[]>();
  /** Published versions by role, oldest first. What is requested as version N is the Nth entry. */
  readonly published = new Map<string, Uint8Array[]>();
  /** Contents of targets by path. */
  readonly artifacts = new Map<string, Buffer>();
  /** Requests for metadata as `[role, version]`, and for targets by name. */
  readonly metadataRequests: [string, number | null][] = [];
  readonly targetRequests: string[] = [];
  readonly revalidated: string[] = [];
  /** Whether snapshot and timestamp list lengths and digests. */
  listsDigests = false;
  /** Sends more than the client allows, as a source with a defect would. */
  ignoresLimits = false;
  /** Changes what is sent for a file name; `null` is a missing file. May throw. */
  onMetadata: ((name: string, bytes: Uint8Array | null) => Uint8Array | null) | null = null;

  /** The only key of the first root. */
  readonly firstRootKey: TestKey;

  constructor({ consistent = true }: { consistent?: boolean } = {}) {
    const expires = dateTime(NOW_MS + 30 * DAY_MS);
    const common = { spec_version: '1.0.34', version: 1, expires };
    this.signed.set('targets', { _type: 'targets', ...common, targets: {} });
    this.signed.set('snapshot', { _type: 'snapshot', ...common, meta: {} });
    this.signed.set('timestamp', { _type: 'timestamp', ...common, meta: {} });
    const roles = Object.fromEntries(TOP_LEVEL.map((role) => [role, { keyids: [], threshold: 1 }]));
    this.signed.set('root', { _type: 'root', ...common, consistent_snapshot: consistent, keys: {}, roles });
    for (const role of TOP_LEVEL) this.addKey(role);
    this.firstRootKey = this.signers.get('root')?.[0] as TestKey;
    this.publish('targets', 'snapshot', 'timestamp', 'root');
  }

  /** Everything that is published now, for `serve`. */
  copy(): ReadonlyMap<string, readonly Uint8Array[]> {
    return new Map([...this.published].map(([role, files]) => [role, [...files]]));
  }

  /** Serves what was published at an earlier time, as a cache or an attacker would. */
  serve(copy: ReadonlyMap<string, readonly Uint8Array[]>): void {
    this.published.clear();
    for (const [role, files] of copy) this.published.set(role, [...files]);
  }

  get initialRoot(): Uint8Array {
    return this.published.get('root')?.[0] as Uint8Array;
  }

  get root(): JsonFields {
    return this.signed.get('root') as JsonFields;
  }

  content(role: string): JsonFields {
    const signed = this.signed.get(role);
    if (signed === undefined) throw new Error(`no role ${role}`);
    return signed;
  }

  expire(role: string, epochMs: number): this {
    this.content(role)['expires'] = dateTime(epochMs);
    return this;
  }

  /** `keyids` and `threshold` of a top-level role. */
  authority(role: string): { keyids: string[]; threshold: number } & JsonFields {
    return (this.root['roles'] as JsonFields)[role] as { keyids: string[]; threshold: number } & JsonFields;
  }

  /** Adds a key to a role of the root; it also signs. */
  addKey(role: string, key: TestKey = testKey()): TestKey {
    (this.root['keys'] as JsonFields)[key.keyId] = key.fields;
    this.authority(role).keyids.push(key.keyId);
    this.addSigner(role, key);
    return key;
  }

  addSigner(role: string, key: TestKey): void {
    this.signers.set(role, [...(this.signers.get(role) ?? []), key]);
  }

  /** Takes all keys of a role away and adds as many new ones as it needs. */
  rotateKeys(role: string): void {
    this.authority(role).keyids.length = 0;
    this.signers.set(role, []);
    for (let count = 0; count < this.authority(role).threshold; count += 1) this.addKey(role);
  }

  /** Signs and publishes roles in this order. Each version is one higher than before, except the first. */
  publish(...roles: string[]): this {
    for (const role of roles) {
      const signed = this.content(role);
      if (this.published.has(role)) signed['version'] = Number(signed['version']) + 1;
      this.publishAsIs(role);
      if (role === 'snapshot') this.#list('timestamp', role);
      else if (role !== 'root' && role !== 'timestamp') this.#list('snapshot', role);
    }
    return this;
  }

  /** Everything but the root, after a change of targets. */
  publishAll(): this {
    const delegated = [...this.signed.keys()].filter((role) => !(TOP_LEVEL as readonly string[]).includes(role));
    return this.publish(...delegated, 'targets', 'snapshot', 'timestamp');
  }

  /** Publishes without a new version and without listing it. */
  publishAsIs(role: string, change: (metadata: Metadata) => void = () => undefined): void {
    const signed = this.content(role);
    const signatures = (this.signers.get(role) ?? []).map((key) => ({ keyid: key.keyId, sig: key.sign(signed) }));
    const metadata = structuredClone({ signed, signatures });
    change(metadata);
    this.published.set(role, [...(this.published.get(role) ?? []), Buffer.from(JSON.stringify(metadata))]);
  }

  /** Replaces the newest published file of a role. */
  replaceLast(role: string, change: (metadata: Metadata) => void): void {
    const all = this.published.get(role) ?? [];
    const metadata = JSON.parse(String(Buffer.from(all.at(-1) as Uint8Array))) as Metadata;
    change(metadata);
    this.published.set(role, [...all.slice(0, -1), Buffer.from(JSON.stringify(metadata))]);
  }

  last(role: string): Uint8Array {
    return this.published.get(role)?.at(-1) as Uint8Array;
  }

  #list(list: string, role: string): void {
    const bytes = this.last(role);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const listed: JsonFields = { version: Number(this.content(role)['version']) };
    if (this.listsDigests) Object.assign(listed, { length: bytes.length, hashes: { sha256 } });
    Object.defineProperty(this.content(list)['meta'], `${role}.json`, {
      value: listed,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }

  listed(list: 'timestamp' | 'snapshot', role: string): JsonFields {
    return (this.content(list)['meta'] as JsonFields)[`${role}.json`] as JsonFields;
  }

  addTarget(role: string, path: string, content: string | Buffer, algorithms: readonly string[] = ['sha256']): void {
    const bytes = Buffer.from(content);
    const hashes = Object.fromEntries(algorithms.map((name) => [name, createHash(name).update(bytes).digest('hex')]));
    Object.defineProperty(this.content(role)['targets'], path, {
      value: { length: bytes.length, hashes },
      enumerable: true,
      configurable: true,
      writable: true,
    });
    this.artifacts.set(path, bytes);
  }

  listedTarget(role: string, path: string): JsonFields {
    return (this.content(role)['targets'] as JsonFields)[path] as JsonFields;
  }

  /** Adds a delegated role after the existing ones, with one new key. */
  delegate(delegator: string, options: DelegationOptions): TestKey {
    const { name, paths = ['*'], pathHashPrefixes, terminating = false, threshold = 1 } = options;
    const key = testKey();
    const delegations = this.#delegations(delegator);
    (delegations['keys'] as JsonFields)[key.keyId] = key.fields;
    const role: JsonFields = { name, keyids: [key.keyId], threshold, terminating };
    if (pathHashPrefixes !== undefined) role['path_hash_prefixes'] = [...pathHashPrefixes];
    else if (paths !== null) role['paths'] = [...paths];
    (delegations['roles'] as Json[]).push(role);
    this.addSigner(name, key);
    this.#addTargetsRole(name, options.expiresMs);
    return key;
  }

  delegation(delegator: string, name: string): JsonFields {
    const roles = this.#delegations(delegator)['roles'] as JsonFields[];
    return roles.find((role) => role['name'] === name) as JsonFields;
  }

  /** Delegates everything to 2^bitLength bins, which share a key (TAP 15). */
  delegateToBins(delegator: string, bitLength: number, prefix: string): readonly string[] {
    const key = testKey();
    this.content(delegator)['delegations'] = {
      keys: { [key.keyId]: key.fields },
      succinct_roles: { keyids: [key.keyId], threshold: 1, bit_length: bitLength, name_prefix: prefix },
    };
    const digits = (2 ** bitLength - 1).toString(16).length;
    const names = Array.from(
      { length: 2 ** bitLength },
      (_, bin) => `${prefix}-${bin.toString(16).padStart(digits, '0')}`,
    );
    for (const name of names) {
      this.signers.set(name, [key]);
      this.#addTargetsRole(name);
    }
    return names;
  }

  #delegations(delegator: string): JsonFields {
    const content = this.content(delegator);
    content['delegations'] ??= { keys: {}, roles: [] };
    return content['delegations'] as JsonFields;
  }

  #addTargetsRole(name: string, expiresMs = NOW_MS + 30 * DAY_MS): void {
    if (this.signed.has(name)) return;
    const common = { spec_version: '1.0.34', version: 1, expires: dateTime(expiresMs) };
    this.signed.set(name, { _type: 'targets', ...common, targets: {} });
  }

  async metadata({ name, limitBytes, revalidate, signal }: MetadataRequest): Promise<MetadataReply> {
    signal.throwIfAborted();
    if (revalidate) this.revalidated.push(name);
    const sent = this.#file(name);
    const bytes = this.onMetadata === null ? sent : this.onMetadata(name, sent);
    if (bytes === null) return { kind: 'missing' };
    if (bytes.length > limitBytes && !this.ignoresLimits) {
      throw coded('TUF-LIMIT', { file: name, role: name, limit: limitBytes, clause: '5.3.3' });
    }
    return { kind: 'found', bytes };
  }

  #file(name: string): Uint8Array | null {
    const plain = name.slice(0, -'.json'.length);
    const [, digits, versioned] = /^(\d+)\.(.+)$/s.exec(plain) ?? [];
    const isVersioned = versioned !== undefined && (versioned === 'root' || this.root['consistent_snapshot'] === true);
    const [role, version] = isVersioned ? [versioned, Number(digits)] : [plain, null];
    this.metadataRequests.push([role, version]);
    const all = this.published.get(role) ?? [];
    return (version === null ? all.at(-1) : all[version - 1]) ?? null;
  }

  async target({ names, signal }: TargetRequest): Promise<Uint8Array> {
    signal.throwIfAborted();
    for (const name of names) {
      this.targetRequests.push(name);
      const bytes = this.#artifact(name);
      if (bytes !== null) return bytes;
    }
    const [file = ''] = names;
    throw coded('TUF-MISSING', { file, role: 'targets', listedBy: 'the metadata', clause: '5.7.3' });
  }

  /** With consistent snapshots only `DIGEST.NAME` exists, for each digest that a role lists. */
  #artifact(name: string): Uint8Array | null {
    if (this.root['consistent_snapshot'] !== true) return this.artifacts.get(name) ?? null;
    const [, folder = '', digest, base = ''] = /^(.*\/)?([0-9a-f]{64,128})\.([^/]*)$/s.exec(name) ?? [];
    const path = `${folder}${base}`;
    const isListed = [...this.signed.values()].some((signed) => {
      const listed = (signed['targets'] as JsonFields | undefined)?.[path] as { hashes: JsonFields } | undefined;
      return listed !== undefined && Object.values(listed.hashes).includes(digest ?? '');
    });
    return isListed ? (this.artifacts.get(path) ?? null) : null;
  }
}
