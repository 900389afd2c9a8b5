// Answers requests to the URL for batches (docs/protocol-uploads.md).
//
// Guarantees: a receipt is sent only for documents that are on disk. A refusal has the member `batch` only if the
// content of the batch is the cause. After every other failure (a damaged transfer, a full disk, a limit of the
// server), the agent may send the same batch again later.

import { createHash } from 'node:crypto';
import { asCoded } from '#errors/coded-error.ts';
import { type JsonReply, type Linger, problemOf, replyDuringBody, type ServedExchange } from '#origin/reply.ts';
import { Bodies, decodeBody, discardBody, type ReadBody } from '#origin/uploads/bodies.ts';
import { isTestObject } from '#origin/uploads/upload-headers.ts';
import type { BatchRules, Coding, ContentProblem, UploadLimits } from '#origin/uploads/upload-options.ts';
import {
  later,
  otherContentDigest,
  replyToTest,
  SECONDS_UNTIL_FREE,
  SECONDS_UNTIL_SPACE,
} from '#origin/uploads/upload-replies.ts';
import { Turns } from '#system/turns.ts';
import { type BatchHead, readBatchHead } from './batch-head.ts';
import type { AcceptedBatch, BatchStore } from './batch-store.ts';
import { readDocuments } from './documents.ts';

interface Options {
  readonly store: BatchStore;
  readonly limits: UploadLimits;
  readonly rules: BatchRules;
  readonly linger: Linger;
}

/** How many batches are decoded at a time, each up to the limit of a batch. */
const DECODERS = 4;
const ALL_CODINGS: readonly Coding[] = ['zstd', 'gzip', 'none'];

export class Batches {
  readonly #options: Options;
  readonly #bodies: Bodies;
  readonly #decoders = Array.from({ length: DECODERS }, () => new Turns());
  #next = 0;

  constructor(options: Options) {
    this.#options = options;
    this.#bodies = new Bodies(options.limits.bufferedBytes);
  }

  /** Answers one request. Rejects when the client disconnects. */
  async answer(exchange: ServedExchange): Promise<void> {
    const reply = await this.#replyTo(exchange);
    await replyDuringBody(exchange, reply, this.#options.linger);
  }

  async #replyTo(exchange: ServedExchange): Promise<JsonReply> {
    const { headers, method } = exchange.request;
    const { limits, rules } = this.#options;
    if (method !== 'POST') return problemOf({ status: 405, detail: 'Use POST.', headers: { Allow: 'POST' } });
    if (isTestObject(headers)) return replyToTest(await discardBody(exchange, limits.testBytes), limits.testBytes);
    const read = readBatchHead(headers, rules.codings ?? ALL_CODINGS);
    if ('refusal' in read) return problemOf(read.refusal);
    return await this.#bodies.hold(exchange, limits.batchBytes, (body) => this.#take(read.head, body));
  }

  async #take(head: BatchHead, body: ReadBody): Promise<JsonReply> {
    if (body === 'too large') return this.#tooLarge(head);
    if (body === 'no memory') {
      return later({ status: 503, detail: 'Too many batches at once.' }, SECONDS_UNTIL_FREE);
    }
    if (body === 'other digest') return otherContentDigest();
    this.#next = (this.#next + 1) % DECODERS;
    const decoder = this.#decoders[this.#next] as Turns;
    return await decoder.run(() => this.#decode(head, body));
  }

  async #decode(head: BatchHead, body: Buffer): Promise<JsonReply> {
    const { limits, rules } = this.#options;
    const bytes = await decodeBody(body, head.coding, limits.batchBytes);
    if (bytes === 'too large') return this.#tooLarge(head);
    if (bytes === 'damaged') return problemOf({ status: 400, detail: `The body is not ${head.coding}.` });
    if (createHash('sha256').update(bytes).digest('hex') !== head.sha256) {
      return problemOf({ status: 400, detail: 'The body does not have the digest of Unencoded-Digest.' });
    }
    const read = readDocuments(bytes, limits.batchDocuments);
    if ('problem' in read) return refuseContent(head, read.problem);
    const { documents } = read;
    if (documents.length !== head.documents) {
      const detail = `The body has ${documents.length} documents, Sallyport-Documents has ${head.documents}.`;
      return problemOf({ status: 400, detail });
    }
    const refused = rules.refuse?.(documents.map(({ document }) => document)) ?? null;
    if (refused !== null) return refuseContent(head, refused);
    return await this.#store(head, documents);
  }

  async #store(head: BatchHead, documents: Parameters<BatchStore['accept']>[1]): Promise<JsonReply> {
    try {
      return replyTo(head, await this.#options.store.accept(head, documents, this.#options.linger.clock.now()));
    } catch (thrown) {
      if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
      return later({ status: 507, detail: 'The disk is full.' }, SECONDS_UNTIL_SPACE);
    }
  }

  #tooLarge(head: BatchHead): JsonReply {
    const detail = `A batch has at most ${this.#options.limits.batchBytes} bytes.`;
    return refuseContent(head, { status: 413, detail });
  }
}

function replyTo({ batch }: BatchHead, accepted: AcceptedBatch): JsonReply {
  switch (accepted.kind) {
    case 'stored':
      return { status: 201, body: accepted.receipt };
    case 'again':
      return { status: 200, body: accepted.receipt };
    case 'other':
      return problemOf({ status: 409, detail: 'That ID was used for a batch with other bytes.', members: { batch } });
    case 'full':
      return later({ status: 507, detail: `No more than ${accepted.what} are kept here.` }, SECONDS_UNTIL_SPACE);
  }
}

function refuseContent({ batch }: BatchHead, { status, detail }: ContentProblem): JsonReply {
  return problemOf({ status, detail, members: { batch } });
}
