// The commands of a vendor for a running platform, such as `sallyport fleet push`: files in a folder that the server
// reads twice a second.
//
// Guarantees: a file appears only when it is complete. Its request is carried out once, even if the server is killed
// meanwhile. If no server is running, it waits. Requests are carried out in the order in which they were written, which
// is in their names and does not depend on the clock. Only users who can write to the folder of the server can send
// commands.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock, Timer } from '#system/clock.ts';
import { createDurably, publishFile, readWhole, removeDurably, UNFINISHED_SUFFIX } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import { Turns } from '#system/turns.ts';
import { commandSchema, parseJson } from './link/wire.ts';

const text = z.string().min(1).max(256);
const newKeySchema = z.object({ id: text, sha256: z.string(), expires: text, features: z.array(text) });
const requestSchema = z.discriminatedUnion('request', [
  z.object({ request: z.literal('push'), to: text, command: commandSchema }),
  z.object({ request: z.literal('keys'), keys: z.array(newKeySchema) }),
  z.object({ request: z.literal('revoke'), key: text }),
  z.object({ request: z.literal('extend'), key: text, expires: text }),
]);
export type VendorRequest = z.infer<typeof requestSchema>;

/** Carries out a request with this id; the same id again has no further effect. */
type CarryOut = (request: VendorRequest, id: string) => Promise<void>;

const FOLDER = 'requests';
const ENDING = '.request';
/** The name of a request is `NUMBER.ID.request`. */
const NUMBER_DIGITS = 12;
const NUMBERED = new RegExp(`^(\\d{${NUMBER_DIGITS},})\\.(.+)$`);
const REFUSED_ENDING = '.refused';
const LOOK_EVERY_MS = 500;
const MODE = 0o600;
/** A request for 10,000 keys has about 2 MB. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

const requestsFolder = (platformDir: string): string => join(platformDir, FOLDER);

/** Requests something of the server of this folder. Returns the id. @throws CodedError FILE-*, DISK-FULL */
export async function writeRequest(
  files: Files,
  platformDir: string,
  request: VendorRequest,
  at: string,
): Promise<string> {
  const id = newRequestId(at);
  const dir = requestsFolder(platformDir);
  const facts = await files.facts(dir);
  const number = (await highestNumber(files, dir)) + 1;
  const path = join(dir, `${`${number}`.padStart(NUMBER_DIGITS, '0')}.${id}${ENDING}`);
  // The server reads it also if root has written it.
  const to = { owner: facts?.owner ?? files.self, group: facts?.group ?? files.self, mode: MODE };
  const bytes = Buffer.from(`${JSON.stringify(request)}\n`);
  await createDurably(files, path + UNFINISHED_SUFFIX, { bytes, to });
  await publishFile(files, path + UNFINISHED_SUFFIX, path);
  return id;
}

/** The highest number in the folder; 0 without one. */
async function highestNumber(files: Files, dir: string): Promise<number> {
  const numbers = (await files.list(dir)).map((name) => Number(NUMBERED.exec(name)?.[1] ?? 0));
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}

/** The names of requests that no server has carried out yet. */
export async function waitingRequests(files: Files, platformDir: string): Promise<readonly string[]> {
  return (await files.list(requestsFolder(platformDir))).filter((name) => name.endsWith(ENDING));
}

/** An id such as `20261130-ab12cd34`: also a valid id of a bundle. */
export function newRequestId(at: string): string {
  return `${at.slice(0, 10).replaceAll('-', '')}-${randomBytes(4).toString('hex')}`;
}

/** Reads the folder until it is closed. */
export class RequestFolder {
  readonly #files: Files;
  readonly #dir: string;
  readonly #carryOut: CarryOut;
  readonly #turns = new Turns();
  readonly #timer: Timer;

  private constructor(files: Files, dir: string, { clock, carryOut }: { clock: Clock; carryOut: CarryOut }) {
    this.#files = files;
    this.#dir = dir;
    this.#carryOut = carryOut;
    this.#timer = clock.after(LOOK_EVERY_MS, () => {
      void this.look().finally(() => this.#timer.restart());
    });
  }

  /** @throws CodedError FOLDER-UNSAFE, FILE-* */
  static async open(
    files: Files,
    platformDir: string,
    made: { clock: Clock; carryOut: CarryOut },
  ): Promise<RequestFolder> {
    const dir = requestsFolder(platformDir);
    await ownFolder(files, dir, { mode: 0o700, what: 'the folder of requests', isPrivate: true });
    return new RequestFolder(files, dir, made);
  }

  /** Carries out what is in the folder. Never rejects: what fails, such as on a full disk, is tried again. */
  look(): Promise<void> {
    return this.#turns.run(() => this.#look()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.#turns.idle();
  }

  async #look(): Promise<void> {
    const names = (await this.#files.list(this.#dir)).filter((name) => name.endsWith(ENDING));
    for (const name of names.toSorted()) {
      // A file that cannot be read does not block the others. A request that cannot be carried out now does.
      const text = await this.#read(name).catch(() => null);
      if (text !== null) await this.#take(name, text);
    }
  }

  async #read(name: string): Promise<string> {
    const bytes = await readWhole(this.#files, join(this.#dir, name), MAX_REQUEST_BYTES);
    return Buffer.from(bytes).toString('utf8');
  }

  async #take(name: string, content: string): Promise<void> {
    const path = join(this.#dir, name);
    const base = name.slice(0, -ENDING.length);
    const read = requestSchema.safeParse(parseJson(content));
    if (read.success) {
      await this.#carryOut(read.data, NUMBERED.exec(base)?.[2] ?? base);
      await removeDurably(this.#files, path);
    } else await this.#files.rename(path, join(this.#dir, base + REFUSED_ENDING));
  }
}
