// The tus side of the reference server: `@tus/server` with `@tus/file-store`. Loaded at the first request that needs
// it.
//
// The library creates, writes and reports uploads. This file adds an ID and metadata that the caller has checked, the
// extension `checksum`, and status 507 for a full disk. An upload is not durable here: a bundle becomes durable when it
// is completed.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { FileStore } from '@tus/file-store';
import { type Locker, Server } from '@tus/server';
import type { Files } from '#system/files.ts';
import type { BundleFacts } from './bundle-facts.ts';
import type { UnfinishedUploads } from './unfinished-uploads.ts';
import type { Checksum } from './upload-checksum.ts';

/** What one request adds to what the library reads from it. */
export interface TusRequest {
  /** Of a creation. */
  readonly created?: { readonly id: string; readonly facts: BundleFacts };
  /** Of a PATCH. */
  readonly checksum?: Checksum;
}

export interface TusServer {
  /** Answers a request. Rejects when the connection fails. */
  handle(request: IncomingMessage, response: ServerResponse, added: TusRequest): Promise<void>;
}

interface Options {
  readonly files: Files;
  readonly path: string;
  readonly unfinished: UnfinishedUploads;
  readonly locker: Locker;
  readonly maxBytes: number;
  readonly keepMs: number;
}

const EXTENSIONS = ['creation', 'expiration', 'termination', 'checksum'];
/** Less free space than this explains a failed write. */
const FULL_BYTES = 1_048_576;
/** The library takes 0 for 3 s. A connection that came back must not wait for its predecessor. */
const DRAIN_MS = 1;
/** The form of the errors that the library turns into responses. */
const MISMATCH = { status_code: 460, body: 'The bytes do not have the checksum.\n' };
const DISK_FULL = { status_code: 507, body: 'The disk is full.\n' };

export function makeTusServer({ files, path, unfinished, locker, maxBytes, keepMs }: Options): TusServer {
  const added = new AsyncLocalStorage<TusRequest>();
  const server = new Server({
    path,
    locker,
    relativeLocation: true,
    // Pages in a browser get no permission.
    allowedOrigins: [],
    maxSize: maxBytes,
    lockDrainTimeout: DRAIN_MS,
    disableTerminationForFinishedUploads: true,
    namingFunction: () => added.getStore()?.created?.id ?? '',
    datastore: new CheckingStore({ files, unfinished, added, keepMs }),
  });
  return {
    handle: (request, response, ours) => added.run(ours, () => server.handle(request, response)),
  };
}

class CheckingStore extends FileStore {
  readonly #files: Files;
  readonly #unfinished: UnfinishedUploads;
  readonly #added: AsyncLocalStorage<TusRequest>;

  constructor(parts: Pick<Options, 'files' | 'unfinished' | 'keepMs'> & { added: AsyncLocalStorage<TusRequest> }) {
    const { files, unfinished, added, keepMs } = parts;
    super({
      directory: unfinished.dir,
      expirationPeriodInMilliseconds: keepMs,
      configstore: {
        get: (id) => Promise.resolve(unfinished.get(id)?.upload),
        set: async (id, upload) => {
          const facts = added.getStore()?.created?.facts;
          if (facts === undefined) throw new Error('an upload without facts');
          await unfinished.add({ id, facts, upload, createdAt: Date.parse(upload.creation_date ?? '') });
        },
        delete: (id) => unfinished.release(id),
      },
    });
    this.#files = files;
    this.#unfinished = unfinished;
    this.#added = added;
    this.extensions = EXTENSIONS;
  }

  override async write(readable: Readable, id: string, offset: number): Promise<number> {
    const expected = this.#added.getStore()?.checksum;
    try {
      if (expected === undefined) return await super.write(readable, id, offset);
      const hash = createHash(expected.algorithm);
      const end = await super.write(Readable.from(tapped(readable, hash), { objectMode: false }), id, offset);
      if (hash.digest('hex') === expected.hex) return end;
    } catch (thrown) {
      // Without its end the chunk cannot be checked.
      if (expected !== undefined) await this.#cut(id, offset);
      if ((await this.#files.freeSpace(this.directory)) < FULL_BYTES) throw asThrown(DISK_FULL);
      throw thrown;
    }
    await this.#cut(id, offset);
    throw asThrown(MISMATCH);
  }

  async #cut(id: string, offset: number): Promise<void> {
    const file = await this.#files.openToWrite(this.#unfinished.dataPath(id));
    try {
      await file.truncate(offset);
    } finally {
      await file.close();
    }
  }
}

/** An async generator passes errors on, which `pipe` does not. */
async function* tapped(
  source: AsyncIterable<Buffer>,
  hash: { update(chunk: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

function asThrown(error: { readonly status_code: number; readonly body: string }): Error {
  return Object.assign(new Error(error.body), error);
}
