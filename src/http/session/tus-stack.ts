// The HTTP stack of tus-js-client over a session, so that resumable uploads use the same connections, deadlines and
// credential handling as all other requests.
//
// Guarantees: every request goes to the origin that the stack was made for, even if a Location names another one, so
// tokens and data go nowhere else. A transfer that stalls is ended, which tus-js-client's own stack does not do. A
// failure keeps its code (as `causingError`). The session never repeats a POST or PATCH. Instead, the client sends HEAD
// to find out where to continue.

import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client';
import { coded } from '#errors/coded-error.ts';
import type { RequestBody } from './body.ts';
import type { SmallRequest } from './running-request.ts';
import type { SessionResponse } from './session.ts';

export interface TusStackOptions {
  /** Uploads are created here; nothing goes to another origin. */
  readonly endpoint: URL;
  /** Sends one request over a session, with the deadlines of the caller. */
  send(request: SmallRequest, of: TusSending): Promise<SessionResponse>;
}

/** How one request is stopped and reports its progress. */
export interface TusSending {
  readonly signal: AbortSignal;
  /** Called with the number of bytes of the body that were sent so far. */
  onProgress(bytes: number): void;
}

/** A part of the input that tus-js-client requests. */
interface Part extends RequestBody {
  readonly size: number;
}

/** Hands one of our bodies to tus-js-client in parts, without reading it (`fileReader`). */
export const bodyReader = {
  openFile: (body: RequestBody) =>
    Promise.resolve({
      size: body.length,
      slice: (start: number, end: number) => {
        const length = Math.min(end, body.length) - start;
        const value: Part = {
          size: length,
          length,
          open: (offset) => firstBytes(body, start + offset, length - offset),
        };
        return Promise.resolve({ value, done: end >= body.length });
      },
      close: () => {},
    }),
};

async function* firstBytes(body: RequestBody, from: number, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of body.open(from)) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

export class TusStack implements HttpStack {
  readonly #options: TusStackOptions;

  constructor(options: TusStackOptions) {
    this.#options = options;
  }

  createRequest(method: string, url: string): HttpRequest {
    return new TusRequest(this.#options, method, url);
  }

  getName(): string {
    return 'SallyportSession';
  }
}

class TusRequest implements HttpRequest {
  readonly #options: TusStackOptions;
  readonly #method: string;
  readonly #url: string;
  readonly #headers: Record<string, string> = {};
  readonly #aborter = new AbortController();
  #onProgress: (bytes: number) => void = () => {};

  constructor(options: TusStackOptions, method: string, url: string) {
    this.#options = options;
    this.#method = method;
    this.#url = url;
  }

  getMethod(): string {
    return this.#method;
  }

  getURL(): string {
    return this.#url;
  }

  setHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  getHeader(name: string): string | undefined {
    return this.#headers[name];
  }

  setProgressHandler(handler: (bytes: number) => void): void {
    this.#onProgress = handler;
  }

  /** @throws CodedError URL-ELSEWHERE, and what a session throws */
  async send(body?: Part | Uint8Array | null): Promise<HttpResponse> {
    const { endpoint } = this.#options;
    const url = new URL(this.#url);
    if (url.origin !== endpoint.origin) {
      throw coded('URL-ELSEWHERE', { origin: url.origin, target: endpoint.host });
    }
    const request: SmallRequest = {
      method: this.#method as SmallRequest['method'],
      url,
      headers: this.#headers,
      ...(body == null ? {} : { body }),
    };
    const { signal } = this.#aborter;
    return new TusResponse(
      await this.#options.send(request, { signal, onProgress: (bytes) => this.#onProgress(bytes) }),
    );
  }

  abort(): Promise<void> {
    this.#aborter.abort(new Error('the upload was stopped'));
    return Promise.resolve();
  }

  getUnderlyingObject(): undefined {
    return undefined;
  }
}

class TusResponse implements HttpResponse {
  readonly #response: SessionResponse;

  constructor(response: SessionResponse) {
    this.#response = response;
  }

  getStatus(): number {
    return this.#response.head.status;
  }

  getHeader(name: string): string | undefined {
    return this.#response.head.header(name);
  }

  getBody(): string {
    return this.#response.body.toString('utf8');
  }

  getUnderlyingObject(): SessionResponse {
    return this.#response;
  }
}
