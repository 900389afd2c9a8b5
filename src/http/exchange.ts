// Runs one request and its response over one connection. Deadlines, interim responses and Via are handled only here.
//
// A head goes through the head reader into Node's own parser. A body with Content-Length is then read directly from the
// connection. With `bulk`, it goes through one reused buffer. Other bodies go through the parser. Guarantees: every wait
// has a deadline, the connection is released exactly once, and only an abort throws. Relies on a synchronous sink for
// back-pressure. Writes nothing to disk.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { HeadReader } from '#proxy/opening/head-reader.ts';
import type { Connection } from '#proxy/route.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import { type Deadlines, deadlineFacts, nextAttempt } from './deadlines.ts';
import { Failures, INTERIM_LIMIT, type ResponseProgress } from './failures.ts';
import { RefusedPage } from './refused-page.ts';
import type { ResponseInfo, ResponseTiming } from './response-info.ts';
import { type ParsedHead, ResponseParser } from './response-parser.ts';
import { isPersistent, validateHead } from './validate-head.ts';
import { ResponseWatch, type TimedOut } from './watch.ts';
import { requestPath, wireHeaders } from './wire.ts';

/** Receives the body. If it throws, the exchange ends with that error. */
export interface BodySink {
  /** The chunk is valid only during the call. */
  write(chunk: Uint8Array): void;
}

/** Limits how fast bodies are read. */
export interface Throttle {
  /** Waits until the limit allows another request. Rejects with the reason of the signal. */
  ready(signal: AbortSignal): Promise<void>;
  /** Begins to limit one body, which is paused and resumed with these functions. */
  limit(reading: { pause(): void; resume(): void }): LimitedReading;
}

/** The reading of one body under a limit. */
export interface LimitedReading {
  /** Records bytes that were received. May pause the reading. */
  took(bytes: number): void;
  /** The body has ended: it is resumed if it was paused, and then never paused again. */
  end(): void;
}

interface ExchangeRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  /** User-Agent belongs here. Host, Connection, Accept-Encoding and the headers of the hop are added. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly request: ExchangeRequest;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Bytes that the caller expects, for failure texts; null when unknown. */
  readonly expectedBytes: number | null;
  /** Limits how fast the body is read. If absent, it is read as fast as it arrives. */
  readonly throttle?: Throttle | undefined;
  /**
   * If set, the other side is asked to keep the connection open. If it does, this is called at the end of the response, and
   * the connection is not released.
   */
  readonly keep?: ((connection: Connection) => void) | undefined;
  /** Called once, with the final head; null discards the body and ends the connection. */
  onHead(head: ResponseInfo): BodySink | null;
}

export type ExchangeResult =
  | {
      readonly ended: 'complete' | 'dropped';
      readonly head: ResponseInfo;
      readonly bytes: number;
      readonly measured: ResponseTiming;
    }
  | {
      readonly ended: 'failed';
      readonly error: CodedError;
      readonly head: ResponseInfo | null;
      readonly bytes: number;
      readonly measured: ResponseTiming;
    };

const SHOWN_BYTES = 8;

/**
 * Sends one request and receives the response. Failures are returned rather than thrown, because the caller also
 * evaluates their head, bytes and timing.
 * @throws the reason of `signal` once it is aborted
 */
export async function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  const result = await new Promise<ExchangeResult>((resolve, reject) => {
    if (options.signal.aborted) {
      options.connection.release();
      reject(options.signal.reason as Error);
      return;
    }
    new RunningExchange(options, resolve, reject).start();
  });
  const shown = await options.connection.settled();
  if (shown === null || result.ended !== 'failed') return result;
  return { ...result, error: shown.during(result.error.trace) };
}

type Stage = 'head' | 'counted' | 'parsed' | 'over';

class RunningExchange {
  readonly #options: ExchangeOptions;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #reject: (reason: Error) => void;
  readonly #watch: ResponseWatch;
  readonly #heads = new HeadReader({ toConnect: false });
  #stopListening = (): void => undefined;
  #parser: ResponseParser | null = null;
  #ready = false;
  /** Bytes that arrived before the parser was ready. Only a server that speaks first sends them. */
  #early: Uint8Array[] = [];
  #ended = false;
  #stage: Stage = 'head';
  #interim = 0;
  #sawBytes = false;
  /** Used to identify a peer that does not speak HTTP. */
  #firstBytes: Uint8Array = new Uint8Array();
  #head: ResponseInfo | null = null;
  #sink: BodySink | null = null;
  #remaining = 0;
  /** The other side keeps the connection open, and nothing unexpected arrived. */
  #mayKeep = false;
  #bytes = 0;
  #reading: LimitedReading | null = null;
  readonly #page: RefusedPage;
  readonly #failures: Failures;

  constructor(options: ExchangeOptions, resolve: (result: ExchangeResult) => void, reject: (reason: Error) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const { deadlines, clock, connection, request } = options;
    this.#page = new RefusedPage({ connection, url: request.url, clock });
    this.#failures = new Failures({ connection, url: request.url, deadlines });
    this.#watch = new ResponseWatch({ deadlines, clock, onTimeout: (which) => this.#fail(this.#timeout(which)) });
  }

  start(): void {
    const { connection, request, signal } = this.#options;
    this.#stopListening = onAbort(signal, () => this.#onAbort());
    // The listener stays attached: a destroyed socket may still emit an error, which must not crash the process.
    connection.socket.on('error', this.#onSocketError);
    if (connection.socket.destroyed || connection.socket.readableEnded) {
      this.#fail(this.#lost('it was closed before the request'));
      return;
    }
    this.#reading = this.#limitReading();
    connection.socket.on('end', this.#onSocketEnd);
    connection.socket.on('close', this.#onSocketClose);
    if (connection.bulk === null) connection.socket.on('data', this.#onBytes);
    else connection.bulk.consume(this.#onBytes);
    try {
      this.#parser = this.#makeParser({
        method: request.method,
        path: requestPath(connection, request.url),
        headers: wireHeaders(connection, request, this.#options.keep === undefined ? 'close' : 'keep-alive'),
      });
    } catch (thrown) {
      this.#fail(asCoded(thrown));
    }
  }

  /** While reading pauses, the peer and the kernel hold the bytes back. */
  #limitReading(): LimitedReading | null {
    const { throttle, connection } = this.#options;
    if (throttle === undefined) return null;
    return throttle.limit({
      pause: () => {
        this.#watch.paused();
        connection.socket.pause();
      },
      resume: () => {
        this.#watch.resumed();
        connection.socket.resume();
      },
    });
  }

  #makeParser(request: { method: string; path: string; headers: Record<string, string> }): ResponseParser {
    const { socket } = this.#options.connection;
    return new ResponseParser({
      request,
      write: (chunk, done) => {
        socket.write(chunk, done);
      },
      onReady: () => this.#onReady(),
      onRequestSent: () => this.#watch.requestSent(),
      onInterim: (status) => this.#onInterim(status),
      onHead: (head) => this.#onHead(head),
      onBody: (chunk) => this.#deliver(chunk),
      onEnd: (whole) => this.#onParsedEnd(whole),
      onError: (error) => this.#fail(this.#parserError(error)),
    });
  }

  readonly #onBytes = (chunk: Uint8Array): void => {
    if (this.#stage === 'over') return;
    if (!this.#sawBytes) this.#firstBytes = Uint8Array.from(chunk.subarray(0, SHOWN_BYTES));
    this.#sawBytes = true;
    if (this.#ready) {
      this.#take(chunk);
      return;
    }
    this.#early.push(Uint8Array.from(chunk));
    this.#options.connection.socket.pause();
  };

  #onReady(): void {
    this.#ready = true;
    for (const chunk of this.#early) this.#take(chunk);
    const paused = this.#early.length > 0;
    this.#early = [];
    if (this.#stage === 'over') return;
    if (paused) this.#options.connection.socket.resume();
    if (this.#ended) this.#onSocketEnd();
  }

  #take(chunk: Uint8Array): void {
    let at = 0;
    while (this.#stage === 'head' && at < chunk.length) {
      const read = this.#heads.read(chunk, at);
      if (read.refused !== null) this.#fail(this.#failures.bad(read.refused));
      else if (read.bytes.length > 0) this.#parser?.push(read.bytes);
      at = read.next;
    }
    if (at === chunk.length) return;
    const rest = at === 0 ? chunk : chunk.subarray(at);
    if (this.#stage === 'counted') this.#deliver(rest);
    else if (this.#stage === 'parsed') this.#parse(rest);
  }

  /** The parser's streams may keep a chunk, so the reused buffer of a bulk connection is copied for them. */
  #parse(bytes: Uint8Array): void {
    this.#parser?.push(this.#options.connection.bulk === null ? bytes : Uint8Array.from(bytes));
  }

  #onInterim(status: number): void {
    this.#interim += 1;
    if (status === 101) this.#fail(this.#failures.bad('it switched protocols unasked'));
    else if (this.#interim > INTERIM_LIMIT) this.#fail(this.#failures.tooManyInterim());
  }

  #onHead(head: ParsedHead): void {
    const { connection, request, onHead } = this.#options;
    try {
      const { info, framing } = validateHead(head, connection, request);
      this.#head = info;
      this.#mayKeep = framing !== 'parsed' && framing.count > 0 && this.#interim === 0 && isPersistent(head);
      this.#sink = onHead(info);
      if (this.#sink === null) this.#finish('dropped');
      else if (framing === 'parsed') this.#stage = 'parsed';
      else this.#count(framing.count);
      if (head.status >= 400 && !this.#isOver) this.#page.limit(() => this.#finish('dropped'));
    } catch (thrown) {
      this.#refuse(head, asCoded(thrown));
    }
  }

  /** If a hop refuses with an error page, waits for that page; any other failure ends the exchange at once. */
  #refuse(head: ParsedHead, error: CodedError): void {
    if (!this.#page.begin(head, error, () => this.#fail(error))) {
      this.#fail(error);
      return;
    }
    this.#stage = 'parsed';
    this.#sink = {
      write: (chunk) => {
        if (this.#page.take(chunk)) this.#fail(error);
      },
    };
  }

  #count(length: number): void {
    this.#stage = 'counted';
    this.#remaining = length;
    if (length === 0) this.#finish('complete');
  }

  /** Hands body bytes to the sink. Bytes after a counted body are discarded. */
  #deliver(chunk: Uint8Array): void {
    if (this.#stage === 'over' || this.#sink === null) return;
    const counted = this.#stage === 'counted';
    const isSurplus = counted && chunk.length > this.#remaining;
    const part = isSurplus ? chunk.subarray(0, this.#remaining) : chunk;
    if (isSurplus) this.#mayKeep = false;
    this.#watch.bodyBytes(part.length);
    try {
      this.#sink.write(part);
    } catch (thrown) {
      this.#fail(asCoded(thrown));
      return;
    }
    this.#bytes += part.length;
    this.#reading?.took(part.length);
    if (!counted) return;
    this.#remaining -= part.length;
    if (this.#remaining === 0) this.#finish('complete');
  }

  #onParsedEnd(whole: boolean): void {
    if (this.#stage !== 'parsed') return;
    if (this.#page.refusal !== null) this.#fail(this.#page.refusal);
    else if (whole) this.#finish('complete');
    else this.#fail(this.#lost('it ended inside a chunked body'));
  }

  readonly #onSocketEnd = (): void => {
    this.#ended = true;
    if (this.#stage === 'over' || !this.#ready) return;
    if (this.#stage === 'parsed') this.#parser?.pushEnd();
    else if (this.#stage === 'counted') this.#fail(this.#lost('it was closed by the other side'));
    else
      this.#fail(this.#lost(this.#sawBytes ? 'it ended inside the response head' : 'it was closed without an answer'));
  };

  /** The connection closed before the end of the body: what arrived may be incomplete. */
  readonly #onSocketClose = (): void => {
    if (!this.#ended) this.#fail(this.#lost('it was cut off'));
  };

  readonly #onSocketError = (error: NodeJS.ErrnoException): void => {
    this.#fail(this.#lost(error.code ?? error.message));
  };

  #onAbort(): void {
    if (!this.#end(false)) return;
    this.#reject(this.#options.signal.reason as Error);
  }

  #finish(ended: 'complete' | 'dropped'): void {
    const head = this.#head;
    const { keep } = this.#options;
    const isKept = ended === 'complete' && this.#mayKeep && !this.#ended;
    if (head === null || !this.#end(ended === 'complete', isKept ? keep : undefined)) return;
    this.#resolve({ ended, head, bytes: this.#bytes, measured: this.#watch.measured });
  }

  #fail(error: CodedError): void {
    if (!this.#end(false)) return;
    const { measured } = this.#watch;
    const shown = this.#failures.during('response', this.#page.shown(error), measured.totalMs);
    this.#resolve({ ended: 'failed', error: shown, head: this.#head, bytes: this.#bytes, measured });
  }

  /** Releases everything, except a connection that is kept. Returns false if that has already been done. */
  #end(whole: boolean, keep?: ExchangeOptions['keep']): boolean {
    if (this.#stage === 'over') return false;
    this.#stage = 'over';
    this.#reading?.end();
    this.#watch.end(whole);
    this.#page.end();
    const { connection } = this.#options;
    this.#stopListening();
    connection.socket.off('data', this.#onBytes);
    connection.socket.off('end', this.#onSocketEnd);
    connection.socket.off('close', this.#onSocketClose);
    this.#parser?.destroy();
    this.#early = [];
    if (keep === undefined) {
      connection.release();
      return true;
    }
    keep(connection);
    connection.socket.off('error', this.#onSocketError);
    return true;
  }

  #timeout(which: TimedOut): CodedError {
    if (which !== 'total') return this.#failures.silent(which, this.#progress, this.#watch.factor);
    const { seen } = deadlineFacts(this.#options.deadlines, 'silence');
    const facts = { ...this.#failures.cut, ...this.#progress };
    return coded('RESPONSE-TRICKLES', { ...facts, next: nextAttempt(this.#head), seen });
  }

  #lost(reason: string): CodedError {
    return this.#failures.lost(reason, this.#progress, nextAttempt(this.#head));
  }

  #parserError(error: NodeJS.ErrnoException & { reason?: string }): CodedError {
    const code = error.code ?? error.name;
    if (!code.startsWith('HPE_')) return this.#lost(code);
    return this.#failures.noise(this.#firstBytes, `${code}: ${error.reason ?? error.message}`);
  }

  get #progress(): ResponseProgress {
    const expected = this.#head?.contentLength ?? this.#options.expectedBytes;
    return { received: this.#bytes, expected, elapsed: this.#watch.measured.totalMs };
  }

  get #isOver(): boolean {
    return this.#stage === 'over';
  }
}
