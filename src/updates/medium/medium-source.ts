// Gives the client of signed feeds the files of a repository on a medium.
//
// Guarantees: at most as many bytes are read as the role or the signed length allows, whatever the medium contains.
// Nothing here decides what is trusted: the client verifies every file as if it came over the network. A bundle has only
// what its updates need, so a file that it lacks has a code of its own (IMPORT-INCOMPLETE).

import { coded } from '#errors/coded-error.ts';
import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';
import { tooLong } from '#updates/signed/tuf-source.ts';
import { type MediumFile, type MediumFiles, metadataPath, openTarget, readUpTo } from './medium-files.ts';

/** The client ends its search for newer roots with one that does not exist. */
const ROOT = /^\d+\.root\.json$/;

export class MediumSource implements TufSource {
  readonly #medium: MediumFiles;
  readonly #bundle: string | null;

  /** `bundle` is the path of a medium that has only a part of its repository; null for a whole one. */
  constructor(medium: MediumFiles, bundle: string | null) {
    this.#medium = medium;
    this.#bundle = bundle;
  }

  async metadata({ name, limitBytes }: MetadataRequest): Promise<MetadataReply> {
    const file = await this.#medium.open(metadataPath('', name));
    if (file !== null) return { kind: 'found', bytes: await read(file, { name, limitBytes }) };
    if (this.#bundle !== null && !ROOT.test(name)) throw coded('IMPORT-INCOMPLETE', { path: this.#bundle, file: name });
    return { kind: 'missing' };
  }

  async target({ names, limitBytes }: TargetRequest): Promise<Uint8Array> {
    const [name = ''] = names;
    return await read(await openTarget(this.#medium, names, this.#bundle), { name, limitBytes });
  }
}

/** @throws CodedError TUF-LIMIT, FILE-* */
async function read(
  file: MediumFile,
  limit: { readonly name: string; readonly limitBytes: number },
): Promise<Uint8Array> {
  const bytes = await readUpTo(file, limit.limitBytes);
  if (bytes === null) throw tooLong(limit);
  return bytes;
}
