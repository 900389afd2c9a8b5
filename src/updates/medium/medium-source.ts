// Gives the client of signed feeds the files of a repository on a medium.
//
// Guarantees: at most as many bytes are read as the role or the signed length allows, whatever the medium contains.
// Nothing here decides what is trusted: the client verifies every file as if it came over the network.

import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';
import { tooLong } from '#updates/signed/tuf-source.ts';
import { type MediumFile, type MediumFiles, metadataPath, openTarget } from './medium-files.ts';

export class MediumSource implements TufSource {
  readonly #medium: MediumFiles;

  constructor(medium: MediumFiles) {
    this.#medium = medium;
  }

  async metadata({ name, limitBytes }: MetadataRequest): Promise<MetadataReply> {
    const file = await this.#medium.open(metadataPath('', name));
    return file === null ? { kind: 'missing' } : { kind: 'found', bytes: await readUpTo(file, { name, limitBytes }) };
  }

  async target({ names, limitBytes }: TargetRequest): Promise<Uint8Array> {
    const file = await openTarget(this.#medium, names);
    return await readUpTo(file, { name: names[0] ?? '', limitBytes });
  }
}

/** Reads a whole file and closes it. @throws CodedError TUF-LIMIT, FILE-* */
async function readUpTo(
  file: MediumFile,
  limit: { readonly name: string; readonly limitBytes: number },
): Promise<Uint8Array> {
  try {
    if (file.size > limit.limitBytes) throw tooLong(limit);
    // One byte more than allowed, so that a file that grows meanwhile is noticed.
    const buffer = Buffer.alloc(limit.limitBytes + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = file.read(buffer.subarray(length), length);
    }
    if (length > limit.limitBytes) throw tooLong(limit);
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}
