// Forward proxies as they behave in practice, each alive and dead. They also answer for the server, so that one fake is proxy
// and origin. Times are real ones divided by `FASTER`.

import type { Socket } from 'node:net';
import { type RawServer, startRawServer } from './raw-server.ts';

/** The factor by which times are shorter than in practice: ten seconds are 50 ms. */
export const FASTER = 200;
/** How long a live proxy holds a package in practice. */
const HOLD_MS = 60_000;

/** One request for the package. */
export interface Asked {
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
type Manner = (asked: Asked) => void;

export interface ScanningProxy {
  readonly port: number;
  /** Requests for the package. */
  readonly asked: () => number;
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

function head({ body, from }: Asked, more = ''): string {
  const range = from === 0 ? '200 OK' : '206 Partial Content';
  const where = from === 0 ? '' : `Content-Range: bytes ${from}-${body.length - 1}/${body.length}\r\n`;
  return (
    `HTTP/1.1 ${range}\r\nVia: 1.1 scanner.example.com\r\nContent-Type: application/java-archive\r\n` +
    `ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-Length: ${body.length - from}\r\n${where}${more}\r\n`
  );
}

const send = (asked: Asked, more?: string) => {
  asked.socket.write(head(asked, more));
  asked.socket.end(asked.body.subarray(asked.from));
};

const nothing = () => undefined;

/** Drops of one byte, at a pace of the field; `ends` says what comes after them, if they ever end. */
function drip(asked: Asked, how: { start: number; fieldMs: number; times: number; ends(at: number): void }): void {
  const { socket, body, from } = asked;
  socket.write(head(asked));
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

const rest = (asked: Asked) => (at: number) => void asked.socket.end(asked.body.subarray(at));
const FOR_EVER = 10_000;

export const ALIVE = {
  streaming: (asked) => {
    const { socket, body, from } = asked;
    const piece = Math.ceil((body.length - from) / 10);
    socket.write(head(asked));
    every(socket, {
      fieldMs: 4_000,
      times: 10,
      say: (index) => socket.write(body.subarray(from + index * piece, from + (index + 1) * piece)),
      ending: () => socket.end(),
    });
  },
  storeAndForward: (asked) => after(asked.socket, asked.holdMs, () => send(asked)),
  earlyHeaders: (asked) => {
    asked.socket.write(head(asked));
    after(asked.socket, asked.holdMs, () => asked.socket.end(asked.body.subarray(asked.from)));
  },
  trickleOneInThousand: (asked) => drip(asked, { start: 4_096, fieldMs: 1_000, times: 60, ends: rest(asked) }),
  trickleOneByteASecond: (asked) => drip(asked, { start: 1, fieldMs: 1_000, times: 60, ends: rest(asked) }),
  tailHeld: (asked) => {
    const start = asked.body.length - asked.from - 16_384;
    drip(asked, { start, fieldMs: 1_000, times: 60, ends: rest(asked) });
  },
  sparse: (asked) => drip(asked, { start: 1, fieldMs: 30_000, times: 3, ends: rest(asked) }),
  pageThenObject: (asked) => (asked.earlier === 0 ? patiencePage(asked) : send(asked)),
  cached: (asked) => send(asked, 'Age: 3600\r\nX-Cache: HIT from scanner\r\n'),
  muteOnce: (asked) => (asked.earlier === 0 ? nothing() : send(asked)),
  hangsOnce: (asked) => (asked.earlier === 0 ? hang(asked) : send(asked)),
  resetsOnce: (asked) => (asked.earlier === 0 ? reset(asked) : send(asked)),
} as const satisfies Record<string, Manner>;

export const DEAD = {
  streamingThatStops: (asked) => hang(asked),
  mute: nothing,
  headersThenNothing: (asked) => void asked.socket.write(head(asked)),
  trickleOneInThousand: (asked) => drip(asked, { start: 4_096, fieldMs: 1_000, times: FOR_EVER, ends: nothing }),
  trickleOneByteASecond: (asked) => drip(asked, { start: 1, fieldMs: 1_000, times: FOR_EVER, ends: nothing }),
  tailNeverComes: (asked) => {
    asked.socket.write(head(asked));
    asked.socket.write(asked.body.subarray(asked.from, asked.body.length - 16_384));
  },
  sparse: (asked) => drip(asked, { start: 1, fieldMs: 5_000, times: FOR_EVER, ends: nothing }),
  pageOnly: (asked) => patiencePage(asked),
  cachedThenNothing: (asked) => void asked.socket.write(head(asked, 'Age: 3600\r\n')),
  resets: (asked) => reset(asked),
} as const satisfies Record<string, Manner>;

function patiencePage({ socket }: Asked): void {
  const page = '<html><title>Please wait, scanning</title></html>';
  socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
}

function hang(asked: Asked): void {
  asked.socket.write(head(asked));
  asked.socket.write(asked.body.subarray(asked.from, Math.floor(asked.body.length / 2)));
}

function reset(asked: Asked): void {
  hang(asked);
  after(asked.socket, 2_000, () => asked.socket.resetAndDestroy());
}

/** Takes requests in absolute form: `/feed.json` is answered at once, everything else in this manner. */
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
    asked: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    close: () => server.close(),
  };
}
