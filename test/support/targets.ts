/**
 * The targets of all cells of the matrix: one plain origin and one over TLS on loopback, both with HTTP and WebSocket. Each cell
 * uses its own name, so that the log of a proxy distinguishes them. Only the proxies can resolve the names.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Purpose } from '#config/purposes.ts';
import { requestDocument } from '#http/session/document.ts';
import { openWebSocket } from '#http/websocket.ts';
import type { Router } from '#proxy/route.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { systemClock } from '#system/clock.ts';
import { createCa, type TestCa } from './certificates.ts';

export const PROTOCOLS = ['http', 'https', 'ws', 'wss'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

const DOMAIN = 'cells.test';
const GREETING = 'hello, cell';
/** Long enough for any answer on loopback, also on a busy machine. */
const AMPLE = { firstByteMs: 15_000, silenceMs: 15_000, totalMs: 15_000, key: 'a test' };
const PURPOSE: Purpose = 'platform';

export interface Targets {
  readonly names: readonly string[];
  readonly trust: TlsTrust;
  readonly plainPort: number;
  readonly securePort: number;
  /** A URL under the next name that was not used yet; or under this one. */
  url(protocol: Protocol, name?: string): URL;
  /** How often this URL's name was requested, and which headers meant for a proxy the requests had. */
  seen(url: URL): { readonly requests: number; readonly proxyHeaders: readonly string[] };
  close(): Promise<void>;
}

export async function startTargets(cells: number, ca: TestCa = createCa()): Promise<Targets> {
  const names = Array.from({ length: cells }, (_none, index) => `c${index}.${DOMAIN}`);
  const asked: { readonly host: string; readonly proxyHeaders: readonly string[] }[] = [];
  const servers = [createServer(), createSecureServer(ca.issue({ names: `DNS:*.${DOMAIN},DNS:localhost` }))];
  const ports = await Promise.all(servers.map((server) => listen(server, asked)));
  const [plainPort = 0, securePort = 0] = ports;
  let next = 0;
  return {
    names,
    trust: { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } },
    plainPort,
    securePort,
    url(protocol, name = names[next++]) {
      if (name === undefined) throw new Error('more cells than names');
      const isSecure = protocol === 'https' || protocol === 'wss';
      return new URL(`${protocol}://${name}:${isSecure ? securePort : plainPort}/`);
    },
    seen({ host }) {
      const own = asked.filter((one) => one.host === host);
      return { requests: own.length, proxyHeaders: own.flatMap(({ proxyHeaders }) => proxyHeaders) };
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await Promise.all(servers.map((server) => once(server, 'close')));
    },
  };
}

/** Fetches or greets; `passed` when the origin answered, else the code of what failed. */
export async function reach(router: Router, url: URL, purpose: Purpose = PURPOSE): Promise<string> {
  try {
    const said = url.protocol.startsWith('ws') ? await echo(router, url, purpose) : await fetched(router, url, purpose);
    return said.includes(GREETING) ? 'passed' : said;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

async function fetched(router: Router, url: URL, purpose: Purpose): Promise<string> {
  const { signal } = new AbortController();
  const connection = await router.route(purpose, url).open({ bulk: false, signal });
  const request = { method: 'GET', url, headers: {} } as const;
  const { body } = await requestDocument({
    connection,
    request,
    deadlines: AMPLE,
    limitBytes: 1_000,
    clock: systemClock,
    signal,
  });
  return body.toString();
}

async function echo(router: Router, url: URL, purpose: Purpose): Promise<string> {
  const { signal } = new AbortController();
  const timeoutMs = AMPLE.firstByteMs;
  const open = await openWebSocket(url, { router, purpose, headers: {}, timeoutMs, clock: systemClock, signal });
  try {
    open.socket.send(GREETING);
    const message = once(open.socket, 'message');
    open.socket.resume();
    const [answer] = (await message) as [Buffer];
    return answer.toString();
  } finally {
    open.close();
  }
}

async function listen(server: Server, asked: { host: string; proxyHeaders: readonly string[] }[]): Promise<number> {
  const sockets = new WebSocketServer({ noServer: true });
  const note = (headers: NodeJS.Dict<string | string[]>) => {
    const proxyHeaders = Object.keys(headers).filter((name) => name.startsWith('proxy-'));
    asked.push({ host: String(headers['host']), proxyHeaders });
  };
  server.on('request', ({ headers }, response) => {
    note(headers);
    response.end(GREETING);
  });
  server.on('upgrade', (request, socket, head) => {
    note(request.headers);
    sockets.handleUpgrade(request, socket, head, (open) => open.on('message', (data) => open.send(data)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
