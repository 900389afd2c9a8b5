// One small request or upload in progress: turns undici's events into one outcome.
//
// Guarantees: never more of a response is in memory than its size limit allows. After the outcome, no timer, listener
// or open body is left. A reset is never treated as the end of a body, although undici does this (client-h1.js,
// onHttpSocketError). Deadlines and abort are implemented here, because undici's timers are coarse and its abort waits
// for a connection.

import type { Dispatcher } from 'undici';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import type { Deadlines } from '#http/deadlines.ts';
import { Failures, INTERIM_LIMIT, type ResponseProgress } from '#http/failures.ts';
import { RefusedPage } from '#http/refused-page.ts';
import type { ResponseInfo, ResponseTiming } from '#http/response-info.ts';
import { validateHead } from '#http/validate-head.ts';
import { ResponseWatch, type TimedOut } from '#http/watch.ts';
import { requestPath, wireHeaders } from '#http/wire.ts';
import type { Connection } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import type { ReadSendQueue } from '#system/network/send-queue.ts';
import { BodyReading, type RequestBody } from './body.ts';
import type { HeadFilter } from './head-filter.ts';
import { SendMeter } from './send-meter.ts';

export interface SmallRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  /**
   * User-Agent belongs here. Host, Connection, Accept-Encoding, Content-Length and the headers of the hop are added.
   */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | RequestBody;
}

/** The parts and limits of a request. */
export interface SendOptions {
  readonly request: SmallRequest;
  readonly deadlines: Deadlines;
  /** Maximum number of bytes of the response. */
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called as the body is sent, with the number of its bytes so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** The whole response to a small request; the caller interprets its status. */
export interface SmallResponse {
  readonly head: ResponseInfo;
  readonly body: Buffer;
  readonly measured: ResponseTiming;
}

export type RequestOutcome =
  | { readonly ended: 'answered'; readonly response: SmallResponse }
  | {
      readonly ended: 'failed';
      readonly error: CodedError;
      /** Whether nothing of the request was sent. */
      readonly isUnsent: boolean;
      /** Whether no byte of a response arrived. */
      readonly isUnanswered: boolean;
    }
  | { readonly ended: 'aborted'; readonly reason: unknown };

/** What a request depends on. */
interface RequestPorts {
  readonly connection: Connection;
  readonly filter: HeadFilter;
  readonly connectionHeader: 'close' | 'keep-alive';
  readonly readSendQueue: ReadSendQueue;
  readonly done: (outcome: RequestOutcome) => void;
}

/** Smaller bodies are sent at once; the progress of larger ones is measured. */
export const MEASURED_BYTES = 65_536;

export class RunningRequest implements Dispatcher.DispatchHandler {
  readonly #options: SendOptions;
  readonly #ports: RequestPorts;
  readonly #failures: Failures;
  readonly #page: RefusedPage;
  readonly #watch: ResponseWatch;
  #stopListening = (): void => undefined;
  #meter: SendMeter | null = null;
  #body: BodyReading | null = null;
  /** Bytes of the request body. */
  #length = 0;
  #isHandedOver = false;
  #isDone = false;
  /** Reports how much of the body was sent; set while it is measured. */
  #reportSent: ((bytes: number) => void) | null = null;
  #interim = 0;
  #head: ResponseInfo | null = null;
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(options: SendOptions, ports: RequestPorts) {
    this.#options = options;
    this.#ports = ports;
    const { deadlines, clock, request } = options;
    this.#failures = new Failures({ connection: ports.connection, url: request.url, deadlines });
    this.#page = new RefusedPage({ connection: ports.connection, url: request.url, clock });
    this.#watch = new ResponseWatch({
      deadlines,
      clock,
      isSending: () => this.#isSending,
      allowanceMs: () => this.#meter?.allowanceMs ?? 0,
      onTimeout: (which) => this.#fail(this.#timeout(which)),
    });
  }

  start(dispatch: (request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => unknown): void {
    const { request, signal } = this.#options;
    const { connection, connectionHeader } = this.#ports;
    this.#stopListening = onAbort(signal, () => this.#onAbort());
    if (connection.socket.destroyed || connection.socket.readableEnded) {
      this.cut('it was closed before the request');
      return;
    }
    try {
      const { body, length } = this.#openBody();
      this.#length = length;
      const headers = wireHeaders(connection, request, connectionHeader);
      if (length > 0) headers['content-length'] = `${length}`;
      if (connectionHeader === 'keep-alive') delete headers['connection'];
      this.#measure(length);
      dispatch({ path: requestPath(connection, request.url), method: request.method, headers, body }, this);
    } catch (thrown) {
      this.#fail(asCoded(thrown));
    }
  }

  /** Ends the request: the caller no longer waits for the response. */
  #onAbort(): void {
    if (this.#end(false)) this.#ports.done({ ended: 'aborted', reason: this.#options.signal.reason });
  }

  #openBody(): { body: NonNullable<Dispatcher.DispatchOptions['body']> | null; length: number } {
    const { body } = this.#options.request;
    if (body === undefined) return { body: null, length: 0 };
    if (typeof body === 'string') return { body, length: Buffer.byteLength(body) };
    if (body instanceof Uint8Array) return { body: Buffer.from(body), length: body.length };
    this.#body = new BodyReading(body, () => this.#ports.filter.flushed());
    // undici accepts any iterable; its types list only some.
    return { body: this.#body as unknown as Buffer, length: body.length };
  }

  #measure(length: number): void {
    if (length <= MEASURED_BYTES) return;
    const { clock, onProgress } = this.#options;
    const { connection, filter, readSendQueue } = this.#ports;
    let reported = 0;
    this.#reportSent = (bytes) => {
      const sent = Math.min(bytes, length);
      if (sent > reported) onProgress?.(sent);
      reported = Math.max(reported, sent);
    };
    this.#meter = new SendMeter({
      clock,
      isDirect: connection.facts.how === 'direct',
      total: () => (this.#isHandedOver && filter.writableLength === 0 ? filter.sent.written : null),
      taken: () => filter.sent.taken,
      queued: () => readSendQueue(connection.socket),
      onMoved: (bytes) => {
        this.#watch.requestMoved();
        this.#reportSent?.(bytes);
      },
    });
  }

  onRequestStart(): void {}

  onRequestSent(): void {
    this.#isHandedOver = true;
    if (this.#meter === null) this.#watch.requestSent();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: object, reason = ''): void {
    if (this.#isDone) return;
    const { request, limitBytes } = this.#options;
    if (status < 200) {
      this.#onInterim();
      return;
    }
    const rawHeaders = rawHeadersOf(controller);
    try {
      const { info } = validateHead({ status, reason, rawHeaders, major: 1 }, this.#ports.connection, request);
      this.#head = info;
      // The length in a response to HEAD is that of a GET.
      if (request.method !== 'HEAD' && (info.contentLength ?? 0) > limitBytes) throw this.#tooLarge();
    } catch (thrown) {
      const error = asCoded(thrown);
      if (!this.#page.begin({ status, reason, rawHeaders }, error, () => this.#fail(error))) this.#fail(error);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    this.#watch.bodyBytes(chunk.length);
    this.#bytes += chunk.length;
    const { refusal } = this.#page;
    if (refusal !== null) {
      if (this.#page.take(chunk)) this.#fail(refusal);
    } else if (this.#bytes > this.#options.limitBytes) this.#fail(this.#tooLarge());
    else this.#parts.push(chunk);
  }

  onResponseEnd(): void {
    const { refusal } = this.#page;
    if (refusal !== null) this.#fail(refusal);
    else this.#answer();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.broken(error);
  }

  /** The connection or its bytes are broken. undici emits its parser's errors on the socket. */
  broken(error: NodeJS.ErrnoException): void {
    const { name, message, code = name } = error;
    if (name === 'HTTPParserError' || name === 'HeadersOverflowError') {
      this.#fail(this.#head === null ? this.#failures.noise(bytesOf(error), message) : this.#failures.bad(message));
    } else if (error instanceof CodedError || code === 'UND_ERR_INVALID_ARG') this.#fail(asCoded(error));
    else this.cut(code.startsWith('UND_ERR_') ? message : code);
  }

  /** A response head is refused. */
  refused(reason: string): void {
    this.#fail(this.#failures.bad(reason));
  }

  /** The connection is lost. */
  cut(reason: string): void {
    // A server that refuses a body may respond and close without reading it: the response is still used.
    if (this.#isSending && this.#page.refusal === null && (this.#head?.status ?? 0) >= 300) this.#answer();
    else this.#fail(this.#failures.lost(reason, this.#progress, 'it is tried again'));
  }

  #answer(): void {
    const head = this.#head;
    if (head === null || !this.#end(true)) return;
    // A success means that the server has the whole body, including bytes that the meter had not counted yet.
    if (this.#isHandedOver && head.status < 300) this.#reportSent?.(Number.POSITIVE_INFINITY);
    const response = { head, body: Buffer.concat(this.#parts), measured: this.#watch.measured };
    this.#ports.done({ ended: 'answered', response });
  }

  #fail(error: CodedError): void {
    const phase = this.#isSending ? 'request' : 'response';
    if (!this.#end(false)) return;
    const shown = this.#failures.during(phase, this.#page.shown(error), this.#watch.measured.totalMs);
    const { sent, received } = this.#ports.filter;
    this.#ports.done({ ended: 'failed', error: shown, isUnsent: sent.written === 0, isUnanswered: received === 0 });
  }

  /** Releases everything. Returns false if that has already been done. */
  #end(whole: boolean): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.#watch.end(whole);
    this.#meter?.end();
    this.#page.end();
    this.#body?.close();
    this.#stopListening();
    return true;
  }

  #onInterim(): void {
    this.#interim += 1;
    if (this.#interim > INTERIM_LIMIT) this.#fail(this.#failures.tooManyInterim());
  }

  #timeout(which: TimedOut): CodedError {
    const { deadlines } = this.#options;
    const { elapsed } = this.#progress;
    const meter = this.#meter;
    if (which === 'total' && meter?.isSending === true)
      return coded('REQUEST-TRICKLES', { ...this.#failures.cut, sent: meter.bytes, length: this.#length, elapsed });
    if (which === 'total')
      return coded('DOCUMENT-TIMEOUT', { ...this.#failures.cut, limit: Math.max(deadlines.totalMs, elapsed) });
    if (which === 'silence' || meter === null || !meter.isSending) return this.#failures.silent(which, this.#progress);
    const { ms: limit, key } = deadlines.sending ?? { ms: deadlines.firstByteMs, key: deadlines.key };
    return coded('REQUEST-TIMEOUT', { ...this.#failures.cut, sent: meter.bytes, elapsed, limit, key });
  }

  /** Whether a measured body is still being sent. */
  get #isSending(): boolean {
    return this.#meter?.isSending ?? false;
  }

  get #progress(): ResponseProgress {
    const expected = this.#head?.contentLength;
    return { received: this.#bytes, expected, elapsed: this.#watch.measured.totalMs };
  }

  #tooLarge(): CodedError {
    const status = this.#head?.status ?? null;
    return coded('DOCUMENT-TOO-LARGE', { ...this.#failures.facts, status, limit: this.#options.limitBytes });
  }
}

/** The bytes that undici's parser rejected: the first bytes of the response, if they were not HTTP. */
function bytesOf({ data }: Error & { readonly data?: unknown }): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : new Uint8Array();
}

/** Names and values as Latin-1 text, as Node's parser provides them. */
function rawHeadersOf(controller: Dispatcher.DispatchController): string[] {
  const raw = controller.rawHeaders;
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
