// Node's own HTTP parser behind a stream that is no socket: bytes are pushed in, heads and bodies come out.
//
// Guarantees: `push` parses before it returns, so the caller may reuse the buffer of a head and knows where it stands
// afterwards. Strictness is Node's, stated explicitly; what RFC 9112 allows beyond it in a head is the head reader's,
// which the bytes have passed through. Keeps no timer; `destroy` lets everything go.

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { ResponseHead } from '#proxy/route.ts';

export interface ParsedHead extends ResponseHead {
  /** Major version of HTTP as the status line claims it. */
  readonly major: number;
}

interface ParserRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ParserOptions {
  readonly request: ParserRequest;
  /** Takes the bytes of the request; calls back when they are out. */
  write(chunk: Uint8Array, done: (error?: Error | null) => void): void;
  /** The parser takes bytes from now on. */
  onReady(): void;
  onRequestSent(): void;
  /** A 1xx head; 101 as well, which nobody asked for. */
  onInterim(status: number): void;
  onHead(head: ParsedHead): void;
  onBody(chunk: Uint8Array): void;
  /** The body is over: as the framing promised, or broken off. */
  onEnd(whole: boolean): void;
  onError(error: NodeJS.ErrnoException & { reason?: string }): void;
}

/** One request, one response. */
export class ResponseParser {
  readonly #options: ParserOptions;
  readonly #facade: Duplex;
  readonly #request: ClientRequest;
  #over = false;

  constructor(options: ParserOptions) {
    this.#options = options;
    this.#facade = this.#makeFacade();
    this.#request = request({
      ...options.request,
      createConnection: () => this.#facade,
      setHost: false,
      setDefaultHeaders: false,
      insecureHTTPParser: false,
      maxHeaderSize: HEAD_LIMIT_BYTES,
    });
    // Node would drop fields above its own limit without a word; the head reader refuses them.
    this.#request.maxHeadersCount = 0;
    this.#listen();
    this.#request.end();
  }

  /** Parses these bytes now. */
  push(bytes: Uint8Array): void {
    if (!this.#over) this.#facade.push(bytes);
  }

  /** The other side has no more to say; ends a body that is delimited by the end of the connection. */
  pushEnd(): void {
    if (!this.#over) this.#facade.push(null);
  }

  destroy(): void {
    this.#over = true;
    this.#request.destroy();
    this.#facade.destroy();
  }

  #makeFacade(): Duplex {
    let asked = false;
    return new Duplex({
      allowHalfOpen: false,
      read: () => {
        if (asked) return;
        asked = true;
        // Inside this call a push would only be queued; after it, the stream flows and a push is parsed at once.
        process.nextTick(() => {
          if (!this.#over) this.#options.onReady();
        });
      },
      write: (chunk: Buffer, _encoding, done) => this.#options.write(chunk, done),
    });
  }

  #listen(): void {
    const live =
      <A extends unknown[]>(handle: (...args: A) => void) =>
      (...args: A) => {
        if (!this.#over) handle(...args);
      };
    const { onRequestSent, onInterim, onError } = this.#options;
    this.#request.on('finish', live(onRequestSent));
    this.#request.on(
      'information',
      live(({ statusCode }) => onInterim(statusCode)),
    );
    this.#request.on(
      'upgrade',
      live(() => onInterim(101)),
    );
    this.#request.on(
      'response',
      live((response) => this.#take(response)),
    );
    this.#request.on('error', live(onError));
  }

  #take(response: IncomingMessage): void {
    const { onHead, onBody, onEnd } = this.#options;
    // A broken body is told by 'close' without 'complete'; the error that comes along says less.
    response.on('error', () => {});
    response.on('data', (chunk: Buffer) => {
      if (!this.#over) onBody(chunk);
    });
    response.on('close', () => {
      if (!this.#over) onEnd(response.complete);
    });
    onHead({
      status: response.statusCode ?? 0,
      reason: response.statusMessage ?? '',
      rawHeaders: response.rawHeaders,
      major: response.httpVersionMajor,
    });
  }
}
