// Node's own HTTP parser without a socket: the caller pushes bytes in, and heads and bodies come out.
//
// Guarantees: `push` parses before it returns. The caller may therefore reuse the buffer of a head, and knows how far
// the parser has read. The parser is as strict as Node's default, which is set explicitly. If RFC 9112 allows a form
// that this parser would refuse, `head-reader.ts` has already changed it to the strict form. Has no timer; `destroy`
// releases everything.

import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { HEAD_LIMIT_BYTES } from '#proxy/opening/head-reader.ts';
import type { ResponseHead } from '#proxy/route.ts';

export interface ParsedHead extends ResponseHead {
  /** Version of HTTP that the status line claims. */
  readonly major: number;
  readonly minor: number;
}

interface ParserRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ParserOptions {
  readonly request: ParserRequest;
  /** Sends the bytes of the request; calls back when they are written. */
  write(chunk: Uint8Array, done: (error?: Error | null) => void): void;
  /** The parser accepts bytes from now on. */
  onReady(): void;
  onRequestSent(): void;
  /** A 1xx head, including an unrequested 101. */
  onInterim(status: number): void;
  onHead(head: ParsedHead): void;
  onBody(chunk: Uint8Array): void;
  /** The body has ended: complete according to its framing, or cut off. */
  onEnd(whole: boolean): void;
  onError(error: NodeJS.ErrnoException & { reason?: string }): void;
}

/** Parses the response to one request. */
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
    // Node would silently drop fields above its own limit; the head reader refuses them.
    this.#request.maxHeadersCount = 0;
    this.#listen();
    this.#request.end();
  }

  /** Parses these bytes synchronously. */
  push(bytes: Uint8Array): void {
    if (!this.#over) this.#facade.push(bytes);
  }

  /** The other side sends no more bytes; this ends a body that is delimited by the end of the connection. */
  pushEnd(): void {
    if (!this.#over) this.#facade.push(null);
  }

  destroy(): void {
    this.#over = true;
    this.#request.destroy();
    this.#facade.destroy();
  }

  #makeFacade(): Duplex {
    let started = false;
    return new Duplex({
      allowHalfOpen: false,
      read: () => {
        if (started) return;
        started = true;
        // During this call a push would only be queued. After it the stream flows, and a push is parsed at once.
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
    // A broken body shows as 'close' without 'complete'; the error event adds nothing.
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
      minor: response.httpVersionMinor,
    });
  }
}
