// The folder with a vendor's keys. Each key has up to three files:
//
//   NAME.pub      the public half, as JSON; may be given to anyone
//   NAME.key      the private half, encrypted with a passphrase (`private-key.ts`), mode 0600
//   NAME.signer   instead of NAME.key: the command that signs (`external-signer.ts`)
//
// Guarantees: no file of a key is ever replaced. NAME.pub is written last, so a crash leaves no key that looks
// complete.

import { isAbsolute, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { createDurably, readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { keyIdOf, type TufKey } from './documents.ts';
import { makePrivateKey } from './private-key.ts';
import { readPublicPem, tufKeyOf } from './public-key.ts';

/** A key of the folder. */
export interface KnownKey {
  readonly name: string;
  readonly keyId: string;
  readonly key: TufKey;
  /** What can sign with it on this machine. */
  readonly signsBy: 'file' | 'command' | 'nothing';
}

/** The folder and the disk that it is on. */
export interface KeyFolder {
  readonly files: Files;
  readonly dir: string;
}

/** A name is a part of file names and of command lines. */
const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/i;
const MAX_KEY_FILE_BYTES = 64 * 1024;
const PUBLIC_MODE = 0o644;
const SECRET_MODE = 0o600;
const FOLDER_MODE = 0o700;

export const pathOfSecret = (folder: KeyFolder, name: string): string => join(folder.dir, `${name}.key`);
export const pathOfSigner = (folder: KeyFolder, name: string): string => join(folder.dir, `${name}.signer`);
const pathOfPublic = (folder: KeyFolder, name: string): string => join(folder.dir, `${name}.pub`);

/** Makes an Ed25519 key. @throws CodedError SIGNING-KEY if there is one with this name, FILE-*, DISK-FULL */
export async function makeKey(
  folder: KeyFolder,
  name: string,
  { passphrase, scryptWork }: { readonly passphrase: string; readonly scryptWork: number },
): Promise<KnownKey> {
  await refuseTaken(folder, name);
  const { sealed, publicKey } = await makePrivateKey(passphrase, scryptWork);
  const key = tufKeyOf(publicKey);
  if ('problem' in key) throw keyError(name, key.problem);
  return await store(folder, { name, key, signsBy: 'file', secret: [pathOfSecret(folder, name), sealed] });
}

/** Adds a key whose private half stays elsewhere. With a command, this machine signs with it. */
export async function addKey(
  folder: KeyFolder,
  name: string,
  { pem, command }: { readonly pem: string; readonly command: string | null },
): Promise<KnownKey> {
  await refuseTaken(folder, name);
  const read = readPublicFile(pem);
  if ('problem' in read) throw keyError(name, read.problem);
  if (command === null) return await store(folder, { name, key: read, signsBy: 'nothing', secret: null });
  const [program = ''] = command.split(' ');
  if (program.includes('/') && !isAbsolute(program)) throw keyError(name, 'the path of its signer is not absolute');
  return await store(folder, {
    name,
    key: read,
    signsBy: 'command',
    secret: [pathOfSigner(folder, name), `${command}\n`],
  });
}

/** Removes a key that was just added, because its command does not sign. */
export async function forgetKey(folder: KeyFolder, name: string): Promise<void> {
  await removeDurably(folder.files, pathOfPublic(folder, name));
  await removeDurably(folder.files, pathOfSigner(folder, name));
}

/** Every key of the folder, by name. @throws CodedError SIGNING-KEY for a damaged one */
export async function listSigningKeys({ files, dir }: KeyFolder): Promise<readonly KnownKey[]> {
  const names = new Set(await files.list(dir));
  const keys: KnownKey[] = [];
  for (const file of names) {
    if (!file.endsWith('.pub')) continue;
    const name = file.slice(0, -'.pub'.length);
    const text = Buffer.from(await readWhole(files, join(dir, file), MAX_KEY_FILE_BYTES)).toString('utf8');
    const key = readPublicFile(text);
    if ('problem' in key) throw keyError(name, `${file}: ${key.problem}`);
    const command = names.has(`${name}.signer`) ? 'command' : 'nothing';
    keys.push({ name, keyId: keyIdOf(key), key, signsBy: names.has(`${name}.key`) ? 'file' : command });
  }
  return keys;
}

/** The keys with these names. @throws CodedError SIGNING-KEY */
export async function namedKeys(folder: KeyFolder, names: readonly string[]): Promise<readonly KnownKey[]> {
  const known = await listSigningKeys(folder);
  return names.map((name) => {
    const key = known.find((one) => one.name === name);
    if (key === undefined) throw keyError(name, `there is no ${name}.pub in ${folder.dir}`);
    return key;
  });
}

/** What NAME.pub contains. */
export function renderPublic({ name, keyId, key }: KnownKey): string {
  return `${JSON.stringify({ name, keyid: keyId, key }, null, 2)}\n`;
}

export function keyError(name: string, reason: string): Error {
  return coded('SIGNING-KEY', { name, reason });
}

/** A file NAME.pub of ours, or PEM as other tools print it. */
function readPublicFile(text: string): TufKey | { readonly problem: string } {
  if (!text.trimStart().startsWith('{')) return readPublicPem(text);
  try {
    const { key } = JSON.parse(text) as { key?: Partial<TufKey> };
    const { keytype, scheme, keyval } = key ?? {};
    const value: unknown = keyval?.public;
    if (typeof keytype !== 'string' || typeof scheme !== 'string' || typeof value !== 'string') {
      return { problem: 'it is not the public half of a key' };
    }
    return { keytype, scheme, keyval: { public: value } };
  } catch {
    return { problem: 'it is neither JSON nor PEM' };
  }
}

async function refuseTaken(folder: KeyFolder, name: string): Promise<void> {
  if (!NAME.test(name)) {
    throw keyError(name, 'use at most 64 letters, digits, dashes and underscores, with a letter or digit at each end');
  }
  const folded = name.toLowerCase();
  const taken = (await folder.files.list(folder.dir)).find((file) => {
    const [stem = '', ending = ''] = file.toLowerCase().split('.');
    return stem === folded && ['pub', 'key', 'signer'].includes(ending);
  });
  if (taken !== undefined) throw keyError(name, `${taken} exists already; a key is never replaced`);
}

interface NewKey {
  readonly name: string;
  readonly key: TufKey;
  readonly signsBy: KnownKey['signsBy'];
  readonly secret: readonly [path: string, content: string] | null;
}

async function store(folder: KeyFolder, { name, key, signsBy, secret }: NewKey): Promise<KnownKey> {
  const { files, dir } = folder;
  await files.makeDirectory(dir, FOLDER_MODE);
  const facts = await files.facts(dir);
  const to = { owner: files.self, group: facts?.group ?? files.self };
  const known: KnownKey = { name, keyId: keyIdOf(key), key, signsBy };
  if (secret !== null) {
    const [path, content] = secret;
    await createDurably(files, path, { bytes: Buffer.from(content), to: { ...to, mode: SECRET_MODE } });
  }
  const bytes = Buffer.from(renderPublic(known));
  // Complete or not there at all: a damaged one would make the whole folder unusable.
  await writeDurably(files, pathOfPublic(folder, name), bytes, PUBLIC_MODE);
  return known;
}
