// One small request over a lane, answered as a whole: the feed, an acknowledgement. undici speaks, over exactly the
// lane's socket.
//
// Guarantees: never more bytes in memory than the limit; deadlines and abort are ours, since undici's own timers are
// coarse and its abort waits for a connection; a reset never passes for the end of a body, which undici would allow
// (client-h1.js, onHttpSocketError). The lane is released in every case, and what it said of
// our credential is on disk. undici is loaded at the first use.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, Dispatcher } from 'undici';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { HEAD_LIMIT_BYTES } from '#proxy/head-reader.ts';
import { answersFrom, cutBy, type Lane, type ResponseHead } from '#proxy/route.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { type Deadlines, factsOf, holderOf } from './deadlines.ts';
import { INTERIM_LIMIT } from './exchange.ts';
import { HeadFilter } from './head-filter.ts';
import { judgeHead } from './judge-head.ts';
import { shownUrl } from './judge-url.ts';
import { contentBlocked, PAGE_BYTES, PAGE_WAIT_MS, withTitle } from './refusal-page.ts';
import type { Measured, ResponseInfo } from './response-info.ts';
import { ResponseWatch, type TimedOut } from './watch.ts';
import { requestPath, wireHeaders } from './wire.ts';

interface DocumentRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** User-Agent belongs here; Host, Connection, Accept-Encoding and the hop's own headers are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface DocumentOptions {
  /** Opened without `bulk`: undici never sees the bytes of such a socket. */
  readonly lane: Lane;
  readonly request: DocumentRequest;
  readonly deadlines: Deadlines;
  /** Most bytes that the answer may have. */
  readonly limitBytes: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A whole small answer; what its status means is the caller's to say. */
export interface DocumentResponse {
  readonly head: ResponseInfo;
  readonly body: Buffer;
  readonly measured: Measured;
}

/**
 * Asks once and takes the whole answer.
 * @throws CodedError of the lane's hop, RESPONSE-TIMEOUT, DOCUMENT-*, CONNECTION-LOST, BAD-RESPONSE, TOO-MANY-INTERIM,
 * CONTENT-ENCODED, ORIGIN-407; the reason of `signal` once it is aborted
 */
export async function requestDocument(options: DocumentOptions): Promise<DocumentResponse> {
  const { lane, signal } = options;
  try {
    const undici = await import('undici');
    signal.throwIfAborted();
    if (lane.bulk !== null) throw coded('INTERNAL', { reason: 'a document was asked for over a bulk lane' });
    return await new Promise<DocumentResponse>((resolve, reject) => {
      new RunningDocument(options, resolve, reject).start(undici.Client);
    });
  } catch (thrown) {
    lane.release();
    const shown = await lane.settled();
    if (shown === null) throw thrown;
    throw shown.during(asCoded(thrown).journey);
  } finally {
    lane.release();
    await lane.settled();
  }
}

class RunningDocument implements Dispatcher.DispatchHandler {
  readonly #options: DocumentOptions;
  readonly #resolve: (response: DocumentResponse) => void;
  readonly #reject: (error: Error) => void;
  readonly #watch: ResponseWatch;
  #client: Client | null = null;
  #over = false;
  #interim = 0;
  #head: ResponseInfo | null = null;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  /** A refusal of the hop itself, whose page is being read. */
  #refusal: { readonly error: CodedError; readonly head: ResponseHead } | null = null;
  #pageTimer: Timer | null = null;

  constructor(options: DocumentOptions, resolve: (response: DocumentResponse) => void, reject: (error: Error) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const { deadlines, clock } = options;
    this.#watch = new ResponseWatch({ deadlines, clock, onTimeout: (which) => this.#fail(this.#timeout(which)) });
  }

  start(make: typeof Client): void {
    const { lane, request, signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    // Before undici's own listeners; stays attached for an error that a destroyed socket may still report.
    lane.socket.on('error', (error) => this.#fail(this.#explain(error)));
    lane.socket.on('close', () => {
      if (!lane.socket.readableEnded) this.#fail(this.#lost('it was cut off'));
    });
    if (lane.socket.destroyed || lane.socket.readableEnded) {
      this.#fail(this.#lost('it was closed before the request'));
      return;
    }
    try {
      this.#client = this.#makeClient(make);
      this.#client.dispatch(
        {
          path: requestPath(lane, request.url),
          method: request.method,
          headers: wireHeaders(lane, request),
          body: request.body ?? null,
        },
        this,
      );
    } catch (thrown) {
      this.#fail(asCoded(thrown));
    }
  }

  /** Hands out the lane's socket, once; the timeouts of 0 turn undici's own timers off. */
  #makeClient(make: typeof Client): Client {
    const { lane, request } = this.#options;
    let given = false;
    return new make(request.url.origin, {
      connect: (_options, callback) => {
        const socket = given ? null : lane.socket;
        given = true;
        // Later, never inside the call: undici forgets the request of a connector that calls back at once.
        queueMicrotask(() => {
          // An error of ours: undici would reconnect for ever on its own codes UND_ERR_SOCKET and UND_ERR_INFO.
          if (socket === null) callback(this.#lost('it was closed without an answer'), null);
          // undici's types ask for a net.Socket; any Duplex does.
          else callback(null, this.#filtered(socket) as Duplex as Socket);
        });
      },
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: HEAD_LIMIT_BYTES,
    });
  }

  #filtered(socket: Duplex): HeadFilter {
    const filter = new HeadFilter(socket, (reason) => this.#fail(this.#bad(reason)));
    // Before undici's own listeners, and for an error after those are gone.
    filter.on('error', (error) => this.#fail(this.#explain(error)));
    return filter;
  }

  onRequestStart(): void {}

  onRequestSent(): void {
    this.#watch.requestSent();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: object, reason = ''): void {
    if (this.#over) return;
    const { lane, request, limitBytes } = this.#options;
    if (status < 200) {
      this.#onInterim();
      return;
    }
    const rawHeaders = rawHeadersOf(controller);
    try {
      const { info } = judgeHead({ status, reason, rawHeaders, major: 1 }, lane, request);
      this.#head = info;
      if ((info.contentLength ?? 0) > limitBytes) throw this.#tooLarge();
    } catch (thrown) {
      this.#refuse({ status, reason, rawHeaders }, asCoded(thrown));
    }
  }

  /** What a hop says of its own refusal stands in its page; anything else ends at once. */
  #refuse(head: ResponseHead, error: CodedError): void {
    if (head.status < 400 || error.facts['said'] === undefined) {
      this.#fail(error);
      return;
    }
    this.#refusal = { error, head };
    this.#pageTimer = this.#options.clock.after(PAGE_WAIT_MS, () => this.#fail(error));
  }

  /** The failure, or the refusal of the hop that it ended the page of. */
  #shown(error: CodedError): CodedError {
    if (this.#refusal === null) return error;
    const { lane, request } = this.#options;
    const { hop, proxy } = lane.facts;
    const page = Buffer.concat(this.#parts);
    const { head, error: refusal } = this.#refusal;
    return contentBlocked(head, page, { url: request.url, hop, proxy }) ?? withTitle(refusal, page);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#watch.bodyBytes(chunk.length);
    this.#bytes += chunk.length;
    if (this.#refusal !== null && this.#bytes > PAGE_BYTES) this.#fail(this.#refusal.error);
    else if (this.#bytes > this.#options.limitBytes) this.#fail(this.#tooLarge());
    else this.#parts.push(chunk);
  }

  onResponseEnd(): void {
    const head = this.#head;
    if (this.#refusal !== null) this.#fail(this.#refusal.error);
    if (head === null || !this.#end(true)) return;
    this.#resolve({ head, body: Buffer.concat(this.#parts), measured: this.#watch.measured });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(this.#explain(error));
  }

  #onInterim(): void {
    this.#interim += 1;
    if (this.#interim > INTERIM_LIMIT) this.#fail(coded('TOO-MANY-INTERIM', { ...this.#facts, limit: INTERIM_LIMIT }));
  }

  readonly #onAbort = (): void => {
    if (this.#end(false)) this.#reject(this.#options.signal.reason as Error);
  };

  #fail(error: CodedError): void {
    if (!this.#end(false)) return;
    const { passed: proven } = this.#options.lane.facts;
    this.#reject(this.#shown(error).during({ phase: 'response', elapsedMs: this.#watch.measured.totalMs, proven }));
  }

  /** Lets go of everything; false when that has been done before. */
  #end(whole: boolean): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#watch.end(whole);
    this.#pageTimer?.cancel();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    // Ends the keep-alive timer and the socket; a failure to do so has nobody left to tell.
    this.#client?.destroy().catch(() => {});
    return true;
  }

  #timeout(which: TimedOut): CodedError {
    const { deadlines, lane, request } = this.#options;
    const hop = cutBy(lane.facts);
    if (which === 'total')
      return coded('DOCUMENT-TIMEOUT', {
        ...this.#facts,
        hop,
        limit: Math.max(deadlines.totalMs, this.#watch.measured.totalMs),
      });
    return coded('RESPONSE-TIMEOUT', {
      ...this.#facts,
      hop,
      holder: holderOf(lane.facts, request.url),
      received: this.#bytes,
      expected: this.#head?.contentLength,
      elapsed: this.#watch.measured.totalMs,
      ...factsOf(deadlines, which),
    });
  }

  /** undici throws its parser's errors at the socket, so both of them tell the same. */
  #explain(error: NodeJS.ErrnoException): CodedError {
    const code = error.code ?? error.name;
    if (error.name === 'HTTPParserError' || error.name === 'HeadersOverflowError') {
      const noise = this.#head === null ? this.#options.lane.judgeNoise(bytesOf(error)) : null;
      return noise ?? this.#bad(error.message);
    }
    if (code === 'UND_ERR_INVALID_ARG') return asCoded(error);
    return this.#lost(code.startsWith('UND_ERR_') ? error.message : code);
  }

  #lost(reason: string): CodedError {
    const expected = this.#head?.contentLength;
    return coded('CONNECTION-LOST', {
      ...this.#facts,
      hop: cutBy(this.#options.lane.facts),
      received: this.#bytes,
      expected,
      reason,
      next: 'it is tried again',
    });
  }

  #bad(reason: string): CodedError {
    return coded('BAD-RESPONSE', { ...this.#facts, reason });
  }

  #tooLarge(): CodedError {
    return coded('DOCUMENT-TOO-LARGE', { ...this.#facts, limit: this.#options.limitBytes });
  }

  get #facts(): { url: string; hop: string } {
    return { url: shownUrl(this.#options.request.url), hop: answersFrom(this.#options.lane.facts) };
  }
}

/** What undici's parser stumbled over: the first bytes of the answer where those were no HTTP. */
function bytesOf({ data }: Error & { readonly data?: unknown }): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : new Uint8Array();
}

/** As Node's parser hands them out: names and values as Latin-1 text. */
function rawHeadersOf(controller: Dispatcher.DispatchController): string[] {
  const raw = controller.rawHeaders;
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
