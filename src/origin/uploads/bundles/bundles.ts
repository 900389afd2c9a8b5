// Answers requests to the URL for support logs (docs/protocol-uploads.md): tus, completion, PUT, test objects.
//
// Guarantees: a receipt is sent only for a bundle that is on disk with its digest. A job has only one upload and one
// bundle, even if requests are repeated. Quotas are checked before the first byte of a bundle is read.

import { randomBytes } from 'node:crypto';
import { allows, type JsonReply, letContinue, problemOf, replyDuringBody, type ServedExchange } from '#origin/reply.ts';
import { discardBody } from '#origin/uploads/bodies.ts';
import { headerOf, isTestObject, mediaTypeOf } from '#origin/uploads/upload-headers.ts';
import { later, replyToTest, SECONDS_UNTIL_SPACE } from '#origin/uploads/upload-replies.ts';
import { Turns } from '#system/turns.ts';
import { type BundleFacts, isSameBundle, readCreation } from './bundle-facts.ts';
import type { BundleParts } from './bundle-parts.ts';
import type { BundleRecord } from './bundle-record.ts';
import { replyToCompletion } from './completion.ts';
import { replyToPut } from './put-bundle.ts';
import type { TusRequest } from './tus-server.ts';
import { isUploadId } from './unfinished-uploads.ts';
import { CHECKSUM_ALGORITHMS, readChecksum } from './upload-checksum.ts';

export const BUNDLES_PATH = 'support-logs';
const TUS_TYPE = 'application/offset+octet-stream';
const TUS_VERSION = { 'Tus-Resumable': '1.0.0' };

export class Bundles {
  readonly #parts: BundleParts;
  /** One at a time, so that a job that is created twice at once gets one upload, and quotas hold. */
  readonly #creations = new Turns();
  /** Bytes of PUTs that are being received. */
  #receiving = 0;

  constructor(parts: BundleParts) {
    this.#parts = parts;
  }

  /** Answers a request to this address or below; false when the path is not one of ours. */
  async answer(exchange: ServedExchange, [name, action, ...rest]: readonly string[]): Promise<boolean> {
    if (rest.length > 0 || (action !== undefined && action !== 'complete')) return false;
    if (name === undefined) await this.#atEndpoint(exchange);
    else if (!isUploadId(name)) await this.#atFile(exchange, name);
    else if (action === undefined) await this.#atUpload(exchange, name);
    else await this.#complete(exchange, name);
    return true;
  }

  async #atEndpoint(exchange: ServedExchange): Promise<void> {
    if (!allows(exchange, ['POST', 'OPTIONS'])) return;
    const { headers, method } = exchange.request;
    if (method === 'OPTIONS') return await this.#handOver(exchange, {});
    if (isTestObject(headers)) return await this.#discardTest(exchange);
    const read = readCreation(headers);
    if ('problem' in read) return await this.#reply(exchange, problemOf({ status: 400, detail: `${read.problem}.` }));
    // A creation with the first bytes is not offered, so these would be lost.
    if (mediaTypeOf(headers) === TUS_TYPE && !isEmpty(exchange)) {
      return await this.#reply(exchange, problemOf({ status: 415, detail: 'Send the bytes with PATCH.' }));
    }
    const reply = await this.#creations.run(() => this.#create(exchange, read.facts));
    if (reply !== null) await this.#reply(exchange, reply);
  }

  /** The reply, or null when the library has answered. */
  async #create(exchange: ServedExchange, facts: BundleFacts): Promise<JsonReply | null> {
    const reply = (await this.#existing(facts)) ?? this.#whatIsFull(facts);
    if (reply === null) await this.#handOver(exchange, { created: { id: randomBytes(16).toString('hex'), facts } });
    return reply;
  }

  /** The reply to a repeated creation; null when the job is new or its upload has other bytes. */
  async #existing(facts: BundleFacts): Promise<JsonReply | null> {
    const { finished, unfinished, linger } = this.#parts;
    await this.#removeExpired(linger.clock.now());
    const done = finished.ofJob(facts);
    if (done !== undefined) return isSameBundle(done, facts) ? locationOf(done.upload) : refuseOther(facts);
    const started = unfinished.ofJob(facts);
    if (started === undefined) return null;
    if (isSameBundle(started.facts, facts)) return locationOf(started.id);
    // The agent packed the job again.
    await this.#remove(started.id);
    return null;
  }

  async #atUpload(exchange: ServedExchange, id: string): Promise<void> {
    const { request } = exchange;
    if (request.method === 'POST' && headerOf(request.headers, 'x-http-method-override') === 'PATCH') {
      request.method = 'PATCH';
    }
    if (!allows(exchange, ['HEAD', 'PATCH', 'DELETE', 'OPTIONS'])) return;
    const done = this.#parts.finished.ofUpload(id);
    if (done !== undefined && request.method !== 'OPTIONS') return await this.#atFinished(exchange, done);
    const checksum = readChecksum(headerOf(request.headers, 'upload-checksum'));
    if (checksum === 'unsupported') {
      const detail = `Upload-Checksum must be one of ${CHECKSUM_ALGORITHMS}, with a value in base64.`;
      return await this.#reply(exchange, problemOf({ status: 400, detail, headers: TUS_VERSION }));
    }
    await this.#handOver(exchange, checksum === null ? {} : { checksum });
  }

  /** Its file is no longer with the library. */
  async #atFinished(exchange: ServedExchange, { length, job }: BundleRecord): Promise<void> {
    const headers = { ...TUS_VERSION, 'Upload-Offset': String(length), 'Upload-Length': String(length) };
    if (exchange.request.method !== 'HEAD') {
      const detail = 'This upload is complete.';
      return await this.#reply(exchange, problemOf({ status: 409, detail, members: { job }, headers }));
    }
    exchange.entry.status = 200;
    exchange.response.writeHead(200, { ...headers, 'Cache-Control': 'no-store', 'Content-Length': 0 }).end();
  }

  async #complete(exchange: ServedExchange, id: string): Promise<void> {
    if (!allows(exchange, ['POST'])) return;
    await this.#reply(exchange, await replyToCompletion(exchange, id, this.#parts));
  }

  async #atFile(exchange: ServedExchange, name: string): Promise<void> {
    if (!allows(exchange, ['PUT'])) return;
    if (isTestObject(exchange.request.headers)) return await this.#discardTest(exchange);
    const reserve = (facts: BundleFacts) => {
      const full = this.#whatIsFull(facts);
      if (full !== null) return full;
      this.#receiving += facts.length;
      return () => {
        this.#receiving -= facts.length;
      };
    };
    await this.#reply(exchange, await replyToPut(exchange, name, { ...this.#parts, reserve }));
  }

  /** Why a bundle of this size is refused; null when there is room. */
  #whatIsFull({ job, length }: BundleFacts): JsonReply | null {
    const { limits, finished, unfinished } = this.#parts;
    const members = { job };
    if (length > limits.bundleBytes) {
      const detail = `A bundle has at most ${limits.bundleBytes} bytes.`;
      return problemOf({ status: 413, detail, members, headers: { 'Tus-Max-Size': String(limits.bundleBytes) } });
    }
    const started = unfinished.bytes + this.#receiving + length;
    const { count, bytes } = finished.used;
    const isFull =
      started > limits.unfinishedBytes || bytes + started > limits.bundlesBytes || count + 1 > limits.bundles;
    if (!isFull) return null;
    return later({ status: 507, detail: 'No more bundles are kept here.', members }, SECONDS_UNTIL_SPACE);
  }

  async #discardTest(exchange: ServedExchange): Promise<void> {
    const { testBytes } = this.#parts.limits;
    await this.#reply(exchange, replyToTest(await discardBody(exchange, testBytes), testBytes));
  }

  async #handOver(exchange: ServedExchange, added: TusRequest): Promise<void> {
    const { request, response, entry } = exchange;
    const server = await this.#parts.tus();
    response.once('finish', () => {
      entry.status = response.statusCode;
    });
    if (request.method === 'OPTIONS') response.setHeader('Tus-Checksum-Algorithm', CHECKSUM_ALGORITHMS);
    letContinue(exchange);
    await server.handle(request, response, added);
  }

  async #removeExpired(now: number): Promise<void> {
    for (const id of this.#parts.unfinished.expired(now)) await this.#remove(id);
  }

  /** Makes a request that writes to it end first. */
  async #remove(id: string): Promise<void> {
    const { locks, unfinished } = this.#parts;
    await locks.run(id, () => unfinished.remove(id));
  }

  #reply(exchange: ServedExchange, reply: JsonReply): Promise<void> {
    return replyDuringBody(exchange, reply, this.#parts.linger);
  }
}

function isEmpty({ request: { headers } }: ServedExchange): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

function locationOf(id: string): JsonReply {
  return { status: 201, body: {}, headers: { ...TUS_VERSION, Location: `/${BUNDLES_PATH}/${id}` } };
}

function refuseOther({ job }: BundleFacts): JsonReply {
  return problemOf({ status: 409, detail: 'That job was finished with other bytes.', members: { job } });
}
