// Signs with the keys of a folder. A command opens each private key once, even if it signs many documents.
//
// Guarantees: every signature is verified with the public half before it is returned, so a wrong key file is noticed
// here and not by an agent. A passphrase comes from a file or from the terminal, never from arguments or the
// environment.

import { type KeyObject, sign } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import { readWhole } from '#system/durable.ts';
import { bytesToSign, type Envelope, type TufDocument, type TufSignature, withSignature } from './documents.ts';
import { readSignerCommand, type SignerPorts, signByCommand } from './external-signer.ts';
import { type KeyFolder, type KnownKey, keyError, listSigningKeys, pathOfSecret, pathOfSigner } from './key-folder.ts';
import { openPrivateKey } from './private-key.ts';
import { isValidSignature } from './public-key.ts';

/** Where passphrases come from. */
export interface Passphrases {
  /** Those of the files that the user named. Each is tried for each key. */
  readonly known: readonly string[];
  /** Asks for the passphrase of a key; null without a terminal. */
  readonly ask: ((name: string) => Promise<string>) | null;
}

const MAX_TRIES = 3;
const MAX_SECRET_BYTES = 64 * 1024;
const READABLE_BY_OTHERS = 0o077;

/** The keys of one folder that can sign on this machine. */
export class SigningKeys {
  readonly #folder: KeyFolder;
  readonly #ports: SignerPorts;
  readonly #passphrases: Passphrases;
  readonly #opened = new Map<string, KeyObject>();
  /** Every key of the folder, by its id. */
  readonly known: ReadonlyMap<string, KnownKey>;

  private constructor(
    folder: KeyFolder,
    ports: SignerPorts & { passphrases: Passphrases },
    known: readonly KnownKey[],
  ) {
    this.#folder = folder;
    this.#ports = ports;
    this.#passphrases = ports.passphrases;
    this.known = new Map(known.map((key) => [key.keyId, key]));
  }

  static async open(folder: KeyFolder, ports: SignerPorts & { passphrases: Passphrases }): Promise<SigningKeys> {
    return new SigningKeys(folder, ports, await listSigningKeys(folder));
  }

  /** Whether it can sign with this key. */
  has(keyId: string): boolean {
    return (this.known.get(keyId)?.signsBy ?? 'nothing') !== 'nothing';
  }

  /** The name of a key, or the first digits of its id if it is not in the folder. */
  nameOf(keyId: string): string {
    return showForeign(this.known.get(keyId)?.name ?? keyId.slice(0, 12));
  }

  /** The document with a signature of each of these keys. @throws CodedError SIGNING-KEY, SIGNING-PASSPHRASE, SIGNING-SIGNER */
  async sign<D extends TufDocument>(envelope: Envelope<D>, keyIds: readonly string[]): Promise<Envelope<D>> {
    const bytes = bytesToSign(envelope.signed);
    let signed = envelope;
    for (const keyId of new Set(keyIds)) signed = withSignature(signed, await this.signBytes(keyId, bytes));
    return signed;
  }

  async signBytes(keyId: string, bytes: Uint8Array): Promise<TufSignature> {
    const known = this.known.get(keyId);
    if (known === undefined) throw keyError(keyId.slice(0, 12), `it is not in ${this.#folder.dir}`);
    const { name, key } = known;
    if (known.signsBy === 'command') {
      const command = await readSignerCommand(this.#folder.files, pathOfSigner(this.#folder, name));
      return { keyid: keyId, sig: await signByCommand(this.#ports, { command, key, bytes }) };
    }
    const signature = sign(null, bytes, await this.#open(known));
    if (!isValidSignature(key, bytes, signature)) {
      throw keyError(name, `${name}.key and ${name}.pub do not belong together`);
    }
    return { keyid: keyId, sig: signature.toString('hex') };
  }

  async #open(known: KnownKey): Promise<KeyObject> {
    const opened = this.#opened.get(known.keyId) ?? (await this.#openFile(known.name));
    this.#opened.set(known.keyId, opened);
    return opened;
  }

  async #openFile(name: string): Promise<KeyObject> {
    const { files } = this.#folder;
    const path = pathOfSecret(this.#folder, name);
    const facts = await files.facts(path);
    if (facts === null) throw keyError(name, `its private half is not in ${this.#folder.dir}`);
    if ((facts.mode & READABLE_BY_OTHERS) !== 0) {
      throw keyError(name, `other users can read ${path}; run chmod 600 ${path}`);
    }
    const sealed = Buffer.from(await readWhole(files, path, MAX_SECRET_BYTES)).toString('utf8');
    const { known, ask } = this.#passphrases;
    const fits = await openPrivateKey(sealed, known);
    if (fits === 'damaged') throw keyError(name, `${path} is damaged`);
    if (fits !== 'wrong-passphrase') return fits;
    for (let tries = 0; ask !== null && tries < MAX_TRIES; tries += 1) {
      const found = await openPrivateKey(sealed, [await ask(name)]);
      if (typeof found !== 'string') return found;
    }
    throw coded('SIGNING-PASSPHRASE', { name, path });
  }
}
