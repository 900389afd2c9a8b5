// Sends the bytes of one upload that the server does not have yet, with tus-js-client: HEAD, then a PATCH for each
// chunk.
//
// Guarantees: the client gets the URL of the upload and no endpoint, so it cannot create an upload. Every response is
// checked before the client uses it: the client accepts any offset, and would send empty chunks forever if the offset
// does not advance. A failure ends the run; the next run begins with HEAD. tus-js-client is loaded at the first use.

import type { DetailedError, HttpRequest, HttpResponse, Upload } from 'tus-js-client';
import { coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { RequestBody } from '#http/session/body.ts';
import type { SmallRequest } from '#http/session/running-request.ts';
import type { SessionResponse } from '#http/session/session.ts';
import { bodyReader, type TusSending, TusStack } from '#http/session/tus-stack.ts';
import { answersFrom } from '#proxy/route.ts';
import type { AnswerContext, AnswerVerdict } from './answers.ts';
import { checkAnswer, StepFailure } from './step-failure.ts';
import type { UploadRequests } from './upload-requests.ts';
import type { Bundle } from './upload-types.ts';

/** What a run needs, and whom it reports to. */
export interface TusRunOptions {
  readonly bundle: Bundle;
  readonly endpoint: URL;
  readonly upload: URL;
  readonly requests: UploadRequests;
  readonly signal: AbortSignal;
  /** Bytes that this process has sent of this upload at most; null before its first run, because others may have. */
  readonly sentTo: number | null;
  now(): number;
  context(): AnswerContext;
  /** The size of the next chunk; called when the path is known, and again after each chunk. */
  chunkBytes(): number;
  /** A chunk up to this offset is about to be sent. */
  sending(to: number): void;
  /** The server has this many bytes. */
  confirmed(offset: number): void;
  /** A chunk of this many bytes was accepted. */
  passed(bytes: number): void;
  /** Sending a chunk of this many bytes failed. Returns the failure that ends the run. */
  broken(thrown: unknown, chunkBytes: number): unknown;
}

/** Resolves when the server has every byte. @throws StepFailure, CodedError, the reason of the signal */
export async function runTus(options: TusRunOptions): Promise<void> {
  const client = await import('tus-js-client');
  const run = new TusRun(options);
  await new Promise<void>((resolve, reject) => {
    const upload: Upload = new client.Upload(options.bundle.body as never, {
      endpoint: null,
      uploadUrl: options.upload.href,
      retryDelays: [],
      storeFingerprintForResuming: false,
      httpStack: new TusStack({ endpoint: options.endpoint, send: (request, of) => run.send(request, of) }),
      fileReader: bodyReader,
      chunkSize: options.chunkBytes(),
      overridePatchMethod: options.context().method === 'override',
      onAfterResponse: (request, response) => {
        run.check(request, response);
        // The client reads both options before each request.
        upload.options.chunkSize = options.chunkBytes();
        upload.options.overridePatchMethod = options.context().method === 'override';
      },
      onSuccess: () => resolve(),
      onError: (error) => reject(causeOf(error)),
    });
    upload.start();
  });
}

/** The client wraps what our stack and our checks throw. */
function causeOf(error: Error | DetailedError): unknown {
  return 'causingError' in error ? (error.causingError ?? error) : error;
}

interface SentChunk {
  readonly from: number;
  readonly bytes: number;
}

class TusRun {
  readonly #options: TusRunOptions;
  #chunk: SentChunk = { from: 0, bytes: 0 };

  constructor(options: TusRunOptions) {
    this.#options = options;
  }

  async send(request: SmallRequest, { signal, onProgress }: TusSending): Promise<SessionResponse> {
    const { requests, signal: ended } = this.#options;
    const { body } = request;
    const both = AbortSignal.any([signal, ended]);
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      // A cache must not answer with an older offset.
      const headers = { ...request.headers, 'cache-control': 'no-cache' };
      return await requests.send({ step: 'offset', request: { ...request, headers }, signal: both });
    }
    const from = Number(request.headers['Upload-Offset']);
    this.#chunk = { from, bytes: body.length };
    this.#options.sending(from + body.length);
    const { watched, hasBegun } = watchedBody(body);
    try {
      return await requests.send({
        step: 'chunk',
        request: { ...request, body: watched },
        signal: both,
        onProgress,
      });
    } catch (thrown) {
      throw ended.aborted || !hasBegun() ? thrown : this.#options.broken(thrown, body.length);
    }
  }

  /** @throws StepFailure */
  check(request: HttpRequest, answer: HttpResponse): void {
    const response = answer.getUnderlyingObject() as SessionResponse;
    const { bundle, upload } = this.#options;
    const isOffset = request.getMethod() === 'HEAD';
    const step = isOffset ? 'offset' : 'chunk';
    const sent = isOffset ? 0 : this.#chunk.bytes;
    const about = { step, response, url: upload, job: bundle.job, sent, nowMs: this.#options.now() } as const;
    checkAnswer(about, this.#options.context());
    if (isOffset) this.#checkOffset(response);
    else this.#checkChunk(response);
  }

  #checkOffset(response: SessionResponse): void {
    const { bundle, sentTo, confirmed } = this.#options;
    const [offset, length] = [numberIn(response, 'upload-offset'), numberIn(response, 'upload-length')];
    if (offset === null || length === null) throw this.#unusable(response, 'it has no offset or no length', 'wait');
    const isTus = response.head.header('tus-resumable') !== undefined;
    const other = otherBytes({ offset, length }, bundle.body.length, sentTo);
    if (other !== null) {
      throw isTus ? this.#other(response, other) : this.#unusable(response, other, 'wait');
    }
    confirmed(offset);
  }

  #checkChunk(response: SessionResponse): void {
    const { from, bytes } = this.#chunk;
    const offset = numberIn(response, 'upload-offset');
    if (offset === null) throw this.#unusable(response, 'it has no offset', 'offset');
    if (offset <= from) throw this.#unusable(response, `the offset is still ${offset}`, 'offset');
    if (offset > from + bytes) throw this.#unusable(response, `the offset ${offset} was not reached yet`, 'offset');
    this.#options.passed(offset - from);
    this.#options.confirmed(offset);
  }

  #unusable({ head, facts }: SessionResponse, reason: string, verdict: AnswerVerdict): StepFailure {
    const about = { url: shownUrl(this.#options.upload), reason, status: head.status, hop: answersFrom(facts) };
    return new StepFailure(verdict, coded('UPLOAD-OFFSET', about));
  }

  #other({ head, facts }: SessionResponse, reason: string): StepFailure {
    const about = { url: shownUrl(this.#options.upload), reason, status: head.status, hop: answersFrom(facts) };
    return new StepFailure('other-bytes', coded('UPLOAD-OTHER-BYTES', about));
  }
}

/** Why the server cannot have a beginning of our file; null if it can. */
function otherBytes(
  at: { readonly offset: number; readonly length: number },
  length: number,
  sentTo: number | null,
): string | null {
  if (at.length !== length) return `its upload has ${at.length} bytes instead of ${length}`;
  if (at.offset > length) return `its offset ${at.offset} is beyond the end at ${length}`;
  return sentTo !== null && at.offset > sentTo
    ? `its offset is ${at.offset}, but only ${sentTo} bytes were sent`
    : null;
}

/** A whole number in a field; null without one. */
function numberIn({ head }: SessionResponse, name: string): number | null {
  const text = head.header(name)?.trim() ?? '';
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

/** Notices whether any of a body was read: without that, a failure says nothing about the size of the body. */
function watchedBody(body: RequestBody): { readonly watched: RequestBody; hasBegun(): boolean } {
  let begun = false;
  const open = (offset: number) => {
    begun = true;
    return body.open(offset);
  };
  return { watched: { length: body.length, open }, hasBegun: () => begun };
}
