// What the measuring process knows of the servers of bench/proxy.ts: ports, a user, and the number of connections that
// the origins accepted. The servers are in servers.ts, in another process.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const USER = { user: 'svc_update', domain: 'CORP', password: 'open sesame' } as const;
/** The origin closes after a response to this path, so that the next request needs a new tunnel. */
export const CLOSING = '/once';
export const GREETING = 'here';

export interface Ports {
  /** Of the origins, plain and over TLS. */
  readonly plain: number;
  readonly secure: number;
  /** Of proxies by the authentication that they require, all in front of the plain origin. */
  readonly none: number;
  readonly basic: number;
  readonly digest: number;
  readonly ntlm: number;
  /** A proxy that is reached over TLS. */
  readonly tls: number;
  readonly socks: number;
  /** In front of the origin over TLS. */
  readonly toSecure: number;
  /** The authority that issued all certificates. */
  readonly ca: string;
}

export interface Target {
  readonly ports: Ports;
  /** Accepted by the origins so far: one for each tunnel. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export async function startTarget(): Promise<Target> {
  const child = fork(fileURLToPath(new URL('servers.ts', import.meta.url)));
  const ended = once(child, 'exit');
  const said = async () => {
    const [message]: unknown[] = await Promise.race([
      once(child, 'message'),
      ended.then(([code]) => Promise.reject(new Error(`the servers ended with ${code}`))),
    ]);
    return message;
  };
  return {
    ports: (await said()) as Ports,
    async connections() {
      child.send('how many');
      return (await said()) as number;
    },
    async close() {
      child.disconnect();
      await ended;
    },
  };
}
