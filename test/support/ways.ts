// An origin that answers each request with exactly the bytes of a test, and the ways to it: direct, through a proxy that forwards,
// through a tunnel with TLS inside, through SOCKS. For tests of what a failure says of where it happened.

import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { createCa } from './certificates.ts';
import { honest, startFaultProxy } from './fault-proxy.ts';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { honest5, startSocksServer } from './socks-server.ts';

export const WAYS = ['direct', 'forward', 'tunnel', 'socks'] as const;
export type WayName = (typeof WAYS)[number];

/** Says what it says to a request that has come whole. */
type Answer = (socket: Socket) => void;

export interface Ways {
  /** What the origin, or the proxy that forwards, says from now on. */
  answer: Answer;
  /** Profiles for the settings, and the URL of the target as asked for by this way. */
  settings(way: WayName): { readonly proxies: readonly object[]; readonly base: string };
  /** The hop that answers come from, and the one that a cut or a silence is put down to. */
  hops(way: WayName): { readonly bytes: string; readonly cut: string | null };
  readonly trust: TlsTrust;
  close(): Promise<void>;
}

export async function startWays(): Promise<Ways> {
  const ca = createCa();
  const take = (socket: Socket) => {
    let head = '';
    socket.on('error', () => {});
    const onData = (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.resume();
      ways.answer(socket);
    };
    socket.on('data', onData);
  };
  const plain = await listenOnLoopback(createServer(take));
  const tls = createTlsServer(ca.issue(), take).on('tlsClientError', () => {});
  const secure = await listenOnLoopback(tls);
  const connect = await startFaultProxy(honest(secure.port));
  const socks = await startSocksServer(honest5(secure.port));
  const parts: readonly Loopback[] = [plain, secure, connect, socks];
  const profile = (port: number, scheme: string) => ({
    name: 'corp',
    address: '127.0.0.1',
    port,
    scheme,
    authentication: 'transparent',
    default: true,
  });
  const byTls = `https://localhost:${secure.port}/`;
  const origin = `localhost:${secure.port}`;
  const ways: Ways = {
    answer: (socket) => socket.destroy(),
    settings: (way) => {
      if (way === 'direct') return { proxies: [], base: byTls };
      if (way === 'forward') return { proxies: [profile(plain.port, 'http')], base: 'http://updates.test/' };
      return {
        proxies: [way === 'tunnel' ? profile(connect.port, 'http') : profile(socks.port, 'socks5h')],
        base: byTls,
      };
    },
    hops: (way) => {
      if (way === 'direct') return { bytes: origin, cut: origin };
      const proxy = `proxy corp (127.0.0.1:${plain.port})`;
      return way === 'forward' ? { bytes: proxy, cut: proxy } : { bytes: origin, cut: null };
    },
    trust: { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } },
    close: async () => {
      await Promise.all(parts.map((part) => part.close()));
    },
  };
  return ways;
}
