// A router whose connections are pairs of streams in memory, so an attempt needs no sockets. A test answers the
// requests.

import { type Duplex, duplexPair } from 'node:stream';
import { originAt } from '#errors/hop.ts';
import type { Connection, HopFacts, Route, Router } from '#proxy/route.ts';

/** Answers each request on its own connection. `proxyUrl` is the proxy of connections from now on. */
export function memoryRouter(answer: (socket: Duplex, head: string) => void, proxyUrl: string): Router {
  return {
    route(purpose, target): Route {
      const facts: HopFacts = {
        proxy: null,
        proxyUrl,
        how: 'direct',
        host: target.hostname,
        port: 80,
        hop: originAt(target.host),
        passed: [],
      };
      return {
        purpose,
        target,
        proxy: null,
        how: 'direct',
        reasons: [],
        sharedKey: proxyUrl,
        open: async () => connected(answer, facts),
      };
    },
  };
}

function connected(answer: (socket: Duplex, head: string) => void, facts: HopFacts): Connection {
  const [socket, far] = duplexPair();
  let head = '';
  far.on('error', () => undefined);
  far.on('data', (chunk: Buffer) => {
    const isNew = !head.includes('\r\n\r\n');
    head += chunk.toString('latin1');
    if (isNew && head.includes('\r\n\r\n')) answer(far, head);
  });
  return {
    socket,
    form: 'origin',
    facts,
    headersFor: () => ({}),
    bulk: null,
    validateResponse: () => undefined,
    classifyNoise: () => null,
    settled: async () => null,
    release: () => {
      socket.destroy();
      far.destroy();
    },
  };
}
