// An origin that answers each request with exactly the bytes of a test, and the routes to it: direct, through a proxy that
// forwards, through a tunnel with TLS inside, and through SOCKS. For tests of the hop that a failure names.

import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { createCa } from './certificates.ts';
import { honest, startFaultProxy } from './fault-proxy.ts';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { honest5, startSocksServer } from './socks-server.ts';

export const ROUTE_NAMES = ['direct', 'forward', 'tunnel', 'socks'] as const;
export type RouteName = (typeof ROUTE_NAMES)[number];

/** Answers a complete request. */
type Answer = (socket: Socket) => void;

export interface TestRoutes {
  /** The answer of the origin, or of the proxy that forwards, from now on. */
  answer: Answer;
  /** Profiles for the settings, and the URL of the target on this route. */
  settings(way: RouteName): { readonly proxies: readonly object[]; readonly base: string };
  /** The hop that answers come from, and the one that a failure names for a cut or a silence. */
  hops(way: RouteName): { readonly bytes: string; readonly cut: string | null };
  readonly trust: TlsTrust;
  close(): Promise<void>;
}

export async function startTestRoutes(): Promise<TestRoutes> {
  const ca = createCa();
  const take = (socket: Socket) => {
    let head = '';
    socket.on('error', () => {});
    const onData = (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.resume();
      routes.answer(socket);
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
  const routes: TestRoutes = {
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
  return routes;
}
