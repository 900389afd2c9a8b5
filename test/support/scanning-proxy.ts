// Forward proxies as they behave in practice, both alive and dead. They also answer for the server, so that one fake is
// proxy and origin. Times are real ones divided by `FASTER`.

import type { Socket } from 'node:net';
import { type RawServer, startRawServer } from './raw-server.ts';

/** The factor by which times are shorter than in practice: ten seconds are 50 ms. */
export const FASTER = 200;
/** How long a live proxy holds a package in practice. */
const HOLD_MS = 60_000;

/** One request for the package. */
export interface PackageRequest {
  readonly socket: Socket;
  /** The whole package. */
  readonly body: Buffer;
  /** The offset at which the client resumes; 0 for the whole package. */
  readonly from: number;
  /** Requests for it before this one. */
  readonly earlier: number;
  /** How long it is held, in the field. */
  readonly holdMs: number;
}

/** How a proxy answers. */
type Manner = (request: PackageRequest) => void;

export interface ScanningProxy {
  readonly port: number;
  /** Requests for the package. */
  readonly requests: () => number;
  close(): Promise<void>;
}

function after(socket: Socket, fieldMs: number, act: () => void): void {
  const stop = () => clearTimeout(timer);
  const timer = setTimeout(() => {
    socket.off('close', stop);
    act();
  }, fieldMs / FASTER);
  socket.once('close', stop);
}

/** Writes at an interval, a number of times. */
function every(
  socket: Socket,
  plan: { fieldMs: number; times: number; say(index: number): void; ending(): void },
): void {
  let index = 0;
  const next = () => {
    if (index === plan.times) return plan.ending();
    plan.say(index);
    index += 1;
    after(socket, plan.fieldMs, next);
  };
  next();
}

function head({ body, from }: PackageRequest, more = ''): string {
  const range = from === 0 ? '200 OK' : '206 Partial Content';
  const where = from === 0 ? '' : `Content-Range: bytes ${from}-${body.length - 1}/${body.length}\r\n`;
  return (
    `HTTP/1.1 ${range}\r\nVia: 1.1 scanner.example.com\r\nContent-Type: application/java-archive\r\n` +
    `ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-Length: ${body.length - from}\r\n${where}${more}\r\n`
  );
}

const send = (request: PackageRequest, more?: string) => {
  request.socket.write(head(request, more));
  request.socket.end(request.body.subarray(request.from));
};

const nothing = () => undefined;

/** Drops of one byte, at a pace of the field; `ends` says what comes after them, if they ever end. */
function drip(
  request: PackageRequest,
  how: { start: number; fieldMs: number; times: number; ends(at: number): void },
): void {
  const { socket, body, from } = request;
  socket.write(head(request));
  socket.write(body.subarray(from, from + how.start));
  let at = from + how.start;
  every(socket, {
    fieldMs: how.fieldMs,
    times: how.times,
    say: () => {
      socket.write(body.subarray(at, at + 1));
      at += 1;
    },
    ending: () => how.ends(at),
  });
}

const rest = (request: PackageRequest) => (at: number) => void request.socket.end(request.body.subarray(at));
const FOR_EVER = 10_000;

export const ALIVE = {
  streaming: (request) => {
    const { socket, body, from } = request;
    const piece = Math.ceil((body.length - from) / 10);
    socket.write(head(request));
    every(socket, {
      fieldMs: 4_000,
      times: 10,
      say: (index) => socket.write(body.subarray(from + index * piece, from + (index + 1) * piece)),
      ending: () => socket.end(),
    });
  },
  storeAndForward: (request) => after(request.socket, request.holdMs, () => send(request)),
  earlyHeaders: (request) => {
    request.socket.write(head(request));
    after(request.socket, request.holdMs, () => request.socket.end(request.body.subarray(request.from)));
  },
  trickleOneInThousand: (request) => drip(request, { start: 4_096, fieldMs: 1_000, times: 60, ends: rest(request) }),
  trickleOneByteASecond: (request) => drip(request, { start: 1, fieldMs: 1_000, times: 60, ends: rest(request) }),
  tailHeld: (request) => {
    const start = request.body.length - request.from - 16_384;
    drip(request, { start, fieldMs: 1_000, times: 60, ends: rest(request) });
  },
  sparse: (request) => drip(request, { start: 1, fieldMs: 30_000, times: 3, ends: rest(request) }),
  pageThenObject: (request) => (request.earlier === 0 ? patiencePage(request) : send(request)),
  cached: (request) => send(request, 'Age: 3600\r\nX-Cache: HIT from scanner\r\n'),
  muteOnce: (request) => (request.earlier === 0 ? nothing() : send(request)),
  hangsOnce: (request) => (request.earlier === 0 ? hang(request) : send(request)),
  resetsOnce: (request) => (request.earlier === 0 ? reset(request) : send(request)),
} as const satisfies Record<string, Manner>;

export const DEAD = {
  streamingThatStops: (request) => hang(request),
  mute: nothing,
  headersThenNothing: (request) => void request.socket.write(head(request)),
  trickleOneInThousand: (request) => drip(request, { start: 4_096, fieldMs: 1_000, times: FOR_EVER, ends: nothing }),
  trickleOneByteASecond: (request) => drip(request, { start: 1, fieldMs: 1_000, times: FOR_EVER, ends: nothing }),
  tailNeverComes: (request) => {
    request.socket.write(head(request));
    request.socket.write(request.body.subarray(request.from, request.body.length - 16_384));
  },
  sparse: (request) => drip(request, { start: 1, fieldMs: 5_000, times: FOR_EVER, ends: nothing }),
  pageOnly: (request) => patiencePage(request),
  cachedThenNothing: (request) => void request.socket.write(head(request, 'Age: 3600\r\n')),
  resets: (request) => reset(request),
} as const satisfies Record<string, Manner>;

function patiencePage({ socket }: PackageRequest): void {
  const page = '<html><title>Please wait, scanning</title></html>';
  socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
}

function hang(request: PackageRequest): void {
  request.socket.write(head(request));
  request.socket.write(request.body.subarray(request.from, Math.floor(request.body.length / 2)));
}

function reset(request: PackageRequest): void {
  hang(request);
  after(request.socket, 2_000, () => request.socket.resetAndDestroy());
}

/** Accepts requests in absolute form: `/feed.json` is answered at once, everything else in this manner. */
export async function startScanningProxy(
  manner: Manner,
  content: {
    readonly feed: () => string;
    readonly packages: Readonly<Record<string, Buffer>>;
    holdMs?(path: string): number;
  },
): Promise<ScanningProxy> {
  const counts = new Map<string, number>();
  const server: RawServer = await startRawServer({
    onRequest: (socket, text) => {
      const path = /^\w+ http:\/\/[^/]+(\/\S*) /.exec(text)?.[1] ?? '';
      const body = content.packages[path];
      if (body === undefined) {
        const feed = content.feed();
        socket.end(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${feed.length}\r\n\r\n${feed}`,
        );
        return;
      }
      const earlier = counts.get(path) ?? 0;
      counts.set(path, earlier + 1);
      const from = Number(/^range: bytes=(\d+)-/im.exec(text)?.[1] ?? 0);
      manner({ socket, body, from, earlier, holdMs: content.holdMs?.(path) ?? HOLD_MS });
    },
  });
  return {
    port: server.port,
    requests: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    close: () => server.close(),
  };
}
