// The record of requests to the origin, for people and for tests. It is in memory, has a limited size, and contains no
// credentials.
//
// An entry is added when the head of the request has been read. Its status is set when the response starts, and its
// number of bytes grows while they are written to the socket. The oldest entries are dropped first.

import type { IncomingMessage } from 'node:http';

export interface RecordedRequest {
  /** Wall clock, milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** As sent, cut to 2,048 characters. */
  readonly target: string;
  /** Names in lower case; the value of a header with credentials is `***`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly from: string;
  /** Null until the response starts. */
  readonly status: number | null;
  /** Bytes of the response body so far. */
  readonly bytes: number;
}

type Entry = { -readonly [Field in keyof RecordedRequest]: RecordedRequest[Field] };

/** A day of a small fleet, about 1 to 2 MB. */
const MAX_REQUESTS = 1_000;
const MAX_TEXT_LENGTH = 2_048;
const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'cookie']);

export class RequestRecord {
  readonly requests: RecordedRequest[] = [];

  add(request: IncomingMessage, at: number): Entry {
    const entry: Entry = {
      at,
      method: request.method ?? '',
      target: cut(request.url ?? ''),
      headers: harmlessHeaders(request),
      from: request.socket.remoteAddress ?? '',
      status: null,
      bytes: 0,
    };
    this.requests.push(entry);
    if (this.requests.length > MAX_REQUESTS) this.requests.shift();
    return entry;
  }
}

function harmlessHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    CREDENTIALS.has(name) ? '***' : cut(String(value)),
  ]);
  return Object.fromEntries(headers) as Record<string, string>;
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH);
}
