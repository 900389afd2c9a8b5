/** Serves PAC files over http on loopback, and counts how often each was fetched. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PacServer {
  /** Where this text is served; `answers` makes the usual file of an answer. */
  file(text: string): string;
  answers(answer: string): string;
  fetched(url: string): number;
  close(): Promise<void>;
}

export async function startPacServer(): Promise<PacServer> {
  const texts: string[] = [];
  const counts: number[] = [];
  const server = createServer((request, response) => {
    const at = Number(/^\/(\d+)\.pac$/.exec(request.url ?? '')?.[1] ?? Number.NaN);
    const text = texts[at];
    counts[at] = (counts[at] ?? 0) + 1;
    response.writeHead(text === undefined ? 404 : 200, { 'Content-Type': 'application/x-ns-proxy-autoconfig' });
    response.end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = (text: string) => `${base}/${texts.push(text) - 1}.pac`;
  return {
    file,
    answers: (answer) => file(`function FindProxyForURL(url, host) { return ${JSON.stringify(answer)}; }`),
    fetched: (url) => counts[Number(/(\d+)\.pac$/.exec(url)?.[1])] ?? 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
