// A server, or a forwarding proxy that answers by itself, for one feed and one package. It follows ranges, and counts how
// often each byte of the package was requested.

import type { Socket } from 'node:net';
import { feedOf, itemFor } from './jars.ts';
import { type RawServer, startRawServer } from './raw-server.ts';

export interface PackageServer extends RawServer {
  /** Used for the next requests. */
  manner: Manner;
  /** Requests for the package: first and last byte of each range, or null for the whole package. */
  readonly ranges: readonly (readonly [number, number] | null)[];
  /** Heads of the requests for the package. */
  readonly heads: readonly string[];
}

/** How requests for the package are answered. */
export interface Manner {
  readonly jar: Buffer;
  readonly etag?: string;
  /** Each connection ends after this number of bytes of the body. */
  readonly cutAfter?: number;
  /** A proxy that refuses larger responses, as Squid does. */
  readonly cap?: number;
  /** Ranges have these bytes. */
  readonly wrongRanges?: Buffer;
  /** Without `no-cache`, a cache answers with these bytes. */
  readonly badCache?: Buffer;
  readonly ignoresRanges?: boolean;
  /** Called with each request for the package. */
  readonly onPackage?: () => void;
}

export async function startPackageServer(manner: Manner): Promise<PackageServer> {
  const ranges: (readonly [number, number] | null)[] = [];
  const heads: string[] = [];
  const state = { manner, ranges, heads };
  const feed = feedOf([itemFor('u1', manner.jar)]);
  const raw = await startRawServer({
    onRequest: (socket, head) => {
      socket.on('error', () => undefined);
      if (!head.split('\r\n', 1)[0]?.includes('/u1.jar')) {
        socket.end(
          `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${feed.length}\r\n\r\n${feed}`,
        );
        return;
      }
      state.manner.onPackage?.();
      heads.push(head);
      ranges.push(answer(socket, head, state.manner));
    },
  });
  return Object.assign(state, raw);
}

function answer(socket: Socket, head: string, manner: Manner): readonly [number, number] | null {
  const { jar, etag = '"a"' } = manner;
  const asked = manner.ignoresRanges === true ? null : /^range: bytes=(\d+)-(\d*)/im.exec(head);
  const condition = /^if-range: (.*)$/im.exec(head)?.[1]?.trim();
  const isPart = asked !== null && (condition === undefined || condition === etag);
  const first = isPart ? Number(asked[1]) : 0;
  const last = isPart && asked[2] !== '' ? Math.min(Number(asked[2]), jar.length - 1) : jar.length - 1;
  const range = isPart ? ([first, last] as const) : null;
  const length = last - first + 1;
  if (manner.cap !== undefined && length > manner.cap) {
    const page = 'HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\nX-Squid-Error: ERR_TOO_BIG 0\r\n';
    socket.end(`${page}Via: 1.1 corp (squid/5.7)\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n`);
    return range;
  }
  const isBad = manner.badCache !== undefined && !/^cache-control: no-cache/im.test(head);
  const bad = isBad ? manner.badCache : undefined;
  const source = bad ?? (isPart ? manner.wrongRanges : undefined) ?? jar;
  const lines = [
    isPart ? 'HTTP/1.1 206 Partial Content' : 'HTTP/1.1 200 OK',
    ...(isPart ? [`Content-Range: bytes ${first}-${last}/${jar.length}`] : []),
    ...(isBad ? ['Age: 60', 'X-Cache: HIT from corp'] : []),
    `Content-Length: ${length}`,
    `ETag: ${etag}`,
  ];
  const sent = Math.min(length, manner.cutAfter ?? length);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  socket.end(source.subarray(first, first + sent));
  return range;
}
