// The identity of this host: its agent ID and its Ed25519 key. It is bound to the machine.
//
// Guarantees: a machine does not use an identity that was copied from another machine: it renames the copy, and makes a
// new agent ID and key. A backup that is restored on the same machine keeps its identity. ID and key are in one file
// (mode 0600), so one rename changes both. If the key comes from a systemd credential, the file has only the ID and the
// public key. A crash leaves the old identity or the new one. If a copy cannot be replaced, such as on a full disk, the new
// agent ID is only in memory until it is stored, and there is no key.

import { type KeyObject, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { keyAsText, keyFromPem, keyFromText, makeIdentityKey, publicText } from './identity-key.ts';
import { bindTo, isOtherMachine, MACHINE_ID_PATH, readMachineId } from './machine-binding.ts';

const FORMAT = 1;
const MODE = 0o600;
/** An identity has about 500 bytes; PEM of other keys may have a few thousand. */
const LIMIT_BYTES = 65_536;
/** Maximum number of previous identities that are kept; then the last one is replaced. */
const MAX_ASIDE = 20;
/** The name of the systemd credential with the private key. */
export const IDENTITY_CREDENTIAL = 'sallyport-identity';

const schema = z.strictObject({
  agent: z.uuid(),
  public_key: z.string(),
  /** Null: the key is in the credential. */
  private_key: z.string().nullable(),
  machine: z.strictObject({ salt: z.string(), digest: z.string() }).nullable(),
  created_at: momentSchema,
});
type Stored = z.infer<typeof schema>;

export interface IdentityPorts {
  readonly files: Files;
  /** The file of the identity. */
  readonly path: string;
  /** The file of the credential with the key; null without one. */
  readonly credential: string | null;
  now(): number;
  /** Called before the identity of another machine is replaced, also again after a crash. */
  cloned?(): Promise<void>;
  /** Called with the stored text of each private key, before anything else can see it. */
  keepSecret(text: string): void;
}

/** What is shown of an identity. */
export interface ShownIdentity {
  readonly agent: string;
  /** 32 bytes in base64url. */
  readonly publicKey: string;
  readonly createdAtMs: number;
  /** Where the private key is. */
  readonly keyIn: 'file' | 'credential';
  /** Whether it is bound to the machine ID of this host. */
  readonly isBound: boolean;
}

/** The only store of the identity. */
export class HostIdentity {
  readonly #ports: IdentityPorts;
  #stored: Stored | null = null;
  /** The new agent ID in place of that of a copied identity; null if the identity was not copied. */
  #replacement: string | null = null;
  /** Null before the first identity, and for a process without the credential. */
  #key: KeyObject | null = null;

  private constructor(ports: IdentityPorts) {
    this.#ports = ports;
  }

  /**
   * Loads the identity, if there is one, and replaces one of another machine.
   * @throws CodedError STATE-UNREADABLE, IDENTITY-KEY, FILE-*, DISK-FULL
   */
  static async open(ports: IdentityPorts): Promise<{ identity: HostIdentity; findings: CodedError[] }> {
    const identity = new HostIdentity(ports);
    return { identity, findings: await identity.#load() };
  }

  /** The agent ID that this identity has; null before the first one. */
  get agent(): string | null {
    return this.#stored?.agent ?? this.#replacement;
  }

  /** Whether the agent ID is only in memory, because a copied identity could not be replaced. */
  get isUnstored(): boolean {
    return this.#stored === null && this.#replacement !== null;
  }

  /** What is shown; null before the first identity. */
  get shown(): ShownIdentity | null {
    const stored = this.#stored;
    if (stored === null) return null;
    return {
      agent: stored.agent,
      publicKey: stored.public_key,
      createdAtMs: stored.created_at,
      keyIn: stored.private_key === null ? 'credential' : 'file',
      isBound: stored.machine !== null,
    };
  }

  /** The private key; null before the first identity, and where only the service has it. */
  get key(): KeyObject | null {
    return this.#key;
  }

  /** The private key. @throws CodedError IDENTITY-ABSENT */
  requireKey(): KeyObject {
    if (this.#key === null) throw coded('IDENTITY-ABSENT', { credential: IDENTITY_CREDENTIAL });
    return this.#key;
  }

  /**
   * Makes an identity for this agent ID if there is none. Returns IDENTITY-CLONED if it replaced a copied identity, which
   * has failed before.
   * @throws CodedError IDENTITY-KEY, IDENTITY-UNSTORED, FILE-*, DISK-FULL
   */
  async ensure(agent: string): Promise<CodedError | null> {
    if (this.#stored !== null) return null;
    if (this.#replacement !== null) return await this.#replaceCopy(this.#replacement);
    await this.#make(agent, await this.#machineId());
    return null;
  }

  /** Replaces the identity by a new one with a new agent ID. The previous one is kept under another name. */
  async reset(): Promise<{ readonly agent: string; readonly aside: string | null }> {
    const aside = this.#stored === null ? null : await this.#keepAside('replaced');
    const agent = randomUUID();
    await this.#make(agent, await this.#machineId());
    return { agent, aside };
  }

  async #load(): Promise<CodedError[]> {
    const { files, path } = this.#ports;
    const loaded = await loadState(files, path, { format: FORMAT, parse: parseStored });
    if (loaded.kind === 'set-aside') return [loaded.error];
    if (loaded.kind === 'absent') return [];
    const { value } = loaded;
    if (value.private_key !== null) this.#ports.keepSecret(value.private_key);
    const machineId = await this.#machineId();
    if (isOtherMachine(value.machine, machineId)) {
      this.#replacement = randomUUID();
      return [await this.#replaceCopy(this.#replacement).catch(asCoded)];
    }
    this.#stored = value;
    await this.#takeKey(value);
    if (value.machine === null && machineId !== null) await this.#save({ ...value, machine: bindTo(machineId) });
    return [];
  }

  /** Returns IDENTITY-CLONED. @throws CodedError IDENTITY-UNSTORED */
  async #replaceCopy(agent: string): Promise<CodedError> {
    try {
      // First, because a rename needs no space.
      await this.#ports.cloned?.();
      const aside = await this.#keepAside('cloned');
      await this.#make(agent, await this.#machineId());
      return coded('IDENTITY-CLONED', { aside });
    } catch (thrown) {
      const cause = asCoded(thrown);
      throw coded('IDENTITY-UNSTORED', { cause }, cause);
    }
  }

  /** The key that the file or the credential has. A new credential is a new key of the same host. */
  async #takeKey(stored: Stored): Promise<void> {
    const given = await this.#credentialKey();
    if (given === null) {
      this.#key = stored.private_key === null ? null : keyFromText(stored.private_key);
      return;
    }
    this.#key = given;
    const isKnown = stored.private_key === null && stored.public_key === publicText(given);
    if (!isKnown) await this.#save({ ...stored, private_key: null, public_key: publicText(given) });
  }

  async #make(agent: string, machineId: string | null): Promise<void> {
    const given = await this.#credentialKey();
    const key = given ?? makeIdentityKey();
    const text = given === null ? keyAsText(key) : null;
    if (text !== null) this.#ports.keepSecret(text);
    await this.#save({
      agent,
      public_key: publicText(key),
      private_key: text,
      machine: bindTo(machineId),
      created_at: this.#ports.now(),
    });
    this.#key = key;
  }

  async #save(stored: Stored): Promise<void> {
    await saveState(this.#ports.files, this.#ports.path, { format: FORMAT, value: stored });
    this.#stored = stored;
  }

  async #credentialKey(): Promise<KeyObject | null> {
    const { files, credential } = this.#ports;
    if (credential === null || (await files.facts(credential)) === null) return null;
    const pem = Buffer.from(await readWhole(files, credential, LIMIT_BYTES));
    this.#ports.keepSecret(pem.toString('utf8').replaceAll(/-----[^-]*-----|\s/g, ''));
    return keyFromPem(pem, credential);
  }

  /** Null if it cannot be read: then nothing is known about the machine. */
  async #machineId(): Promise<string | null> {
    const { files } = this.#ports;
    try {
      if ((await files.facts(MACHINE_ID_PATH)) === null) return null;
      // Some systems have a link here.
      const path = await files.realPath(MACHINE_ID_PATH);
      return readMachineId(Buffer.from(await readWhole(files, path, LIMIT_BYTES)).toString('latin1'));
    } catch {
      return null;
    }
  }

  /** Copies the file to `<path>.<label>`, `<path>.<label>.2`, ...; a copy of the same content is used again. */
  async #keepAside(label: string): Promise<string> {
    const { files, path } = this.#ports;
    const bytes = await readWhole(files, path, LIMIT_BYTES);
    for (let number = 1; ; number += 1) {
      const aside = `${path}.${label}${number === 1 ? '' : `.${number}`}`;
      const isTaken = number < MAX_ASIDE && (await files.facts(aside)) !== null;
      if (isTaken && !(await isSameContent(files, aside, bytes))) continue;
      if (!isTaken) await writeDurably(files, aside, bytes, MODE);
      return aside;
    }
  }
}

async function isSameContent(files: Files, path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return Buffer.compare(await readWhole(files, path, LIMIT_BYTES), bytes) === 0;
  } catch {
    return false;
  }
}

/** Checks that the key fits to its public key. */
function parseStored(raw: unknown): Stored {
  const stored = schema.parse(raw);
  if (stored.private_key !== null && publicText(keyFromText(stored.private_key)) !== stored.public_key)
    throw new TypeError('its private key is not that of its public key');
  return stored;
}
