// The servers of bench/proxy.ts: a plain origin, one over TLS, and in front of them the proxies of the tests. They are
// in a forked process, so that they take no time of the measured process. It sends its ports and, on request, the
// number of accepted connections. It ends with its parent.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCa } from '#test/support/certificates.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { honest5, startSocksServer } from '#test/support/socks-server.ts';
import { startTlsFront } from '#test/support/tls-front.ts';
import { CLOSING, GREETING, type Ports, USER } from './far-side.ts';

let connections = 0;

const ca = createCa();
const [plain, secure] = await Promise.all([createServer(), createSecureServer(ca.issue())].map(listen));
if (plain === undefined || secure === undefined) throw new Error('no origins');
const withoutDomain = { ...USER, domain: '' };
const none = await startLoginProxy('none', withoutDomain, plain);
const ports: Ports = {
  plain,
  secure,
  none: none.port,
  basic: (await startLoginProxy('basic', withoutDomain, plain)).port,
  digest: (await startLoginProxy('digest', withoutDomain, plain)).port,
  ntlm: (await startLoginProxy('ntlm', USER, plain)).port,
  tls: (await startTlsFront(ca.issue(), none.port)).port,
  socks: (await startSocksServer(honest5(plain))).port,
  toSecure: (await startLoginProxy('none', withoutDomain, secure)).port,
  ca: ca.cert,
};
process.on('message', () => process.send?.(connections));
process.on('disconnect', () => process.exit(0));
process.send?.(ports);

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  server.keepAliveTimeout = 60_000;
  server.on('connection', () => {
    connections += 1;
  });
  server.on('request', ({ url }, response) => {
    if (url === CLOSING) response.setHeader('Connection', 'close');
    response.end(GREETING);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
