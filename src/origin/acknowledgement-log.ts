// The file acknowledgements.jsonl: each acknowledgement that was answered with 201, one JSON object per line.
//
// Guarantees: a line is appended and synced before the response is sent, so an acknowledged receipt survives a power
// cut. Each key is written once. A crash can leave an incomplete last line, which the next start removes; its sender
// got no response and sends it again. Requires that only one server uses the folder.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Turns } from '#system/turns.ts';
import { type Acknowledgement, isSameFact, readAcknowledgement } from './acknowledgement.ts';

export interface AcknowledgementLog {
  /** In order of arrival. */
  readonly all: readonly Acknowledgement[];
  /** Durable on return. `other` when the key belongs to another fact, `full` when the limit is reached. */
  accept(acknowledgement: Acknowledgement): Promise<'first' | 'again' | 'other' | 'full'>;
  close(): Promise<void>;
}

/** About 40 MB of file and memory. A fleet needs a real database, and this server says so (507). */
const MAX_KEPT = 100_000;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Opens or creates the file. Throws file system errors, and an error when the file is not a log of ours. */
export async function openAcknowledgementLog(path: string): Promise<AcknowledgementLog> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags, 0o640);
  try {
    const { kept, end } = await readKept(file, path);
    await file.truncate(end);
    await file.sync();
    await syncFolder(dirname(path));
    return new FileLog(file, kept, end);
  } catch (error) {
    await file.close();
    throw error;
  }
}

class FileLog implements AcknowledgementLog {
  readonly all: Acknowledgement[];
  readonly #file: FileHandle;
  readonly #byKey: Map<string, Acknowledgement>;
  #end: number;
  /** true while a failed write may have left bytes after the end. */
  #dirty = false;
  /** One append after the other, so that only one of two requests with the same key is the first. */
  readonly #turns = new Turns();

  constructor(file: FileHandle, kept: Acknowledgement[], end: number) {
    this.#file = file;
    this.all = kept;
    this.#byKey = new Map(kept.map((one) => [one.key, one]));
    this.#end = end;
  }

  accept(acknowledgement: Acknowledgement): Promise<'first' | 'again' | 'other' | 'full'> {
    return this.#turns.run(() => this.#accept(acknowledgement));
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.#file.close();
  }

  async #accept(acknowledgement: Acknowledgement): Promise<'first' | 'again' | 'other' | 'full'> {
    const known = this.#byKey.get(acknowledgement.key);
    if (known !== undefined) return isSameFact(known, acknowledgement) ? 'again' : 'other';
    const line = Buffer.from(`${JSON.stringify(acknowledgement)}\n`);
    if (this.all.length >= MAX_KEPT || this.#end + line.length > MAX_FILE_BYTES) return 'full';
    if (this.#dirty) await this.#file.truncate(this.#end);
    this.#dirty = true;
    await writeAt(this.#file, line, this.#end);
    await this.#file.datasync();
    this.#dirty = false;
    this.#end += line.length;
    this.#byKey.set(acknowledgement.key, acknowledgement);
    this.all.push(acknowledgement);
    return 'first';
  }
}

async function writeAt(file: FileHandle, line: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < line.length) {
    const { bytesWritten } = await file.write(line, written, line.length - written, position + written);
    written += bytesWritten;
  }
}

async function readKept(file: FileHandle, path: string): Promise<{ kept: Acknowledgement[]; end: number }> {
  const { size } = await file.stat();
  if (size > MAX_FILE_BYTES + 1024) throw new Error(`${path} has ${size} bytes; it was not written by this server`);
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await file.read(bytes, 0, size, 0);
  const end = bytes.subarray(0, bytesRead).lastIndexOf('\n') + 1;
  const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
  return { kept: lines.map((line, index) => readLine(line, `${path}:${index + 1}`)), end };
}

function readLine(line: string, where: string): Acknowledgement {
  const key = /"key":"([^"\\]+)"/.exec(line)?.[1];
  const read = readAcknowledgement(line, key);
  if ('problem' in read) throw new Error(`${where} is not an acknowledgement: ${read.problem}`);
  return read.acknowledgement;
}

/** The name of a new file is durable only with its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
