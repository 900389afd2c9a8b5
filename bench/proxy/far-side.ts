// What stands on the other side of the clients of bench/proxy.ts, as they see it: ports, a user, and how many connections the
// origins took. The servers themselves are in servers.ts, in a process of their own.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const USER = { user: 'svc_update', domain: 'CORP', password: 'open sesame' } as const;
/** Behind an answer to this path the origin closes, so that the next request needs a tunnel of its own. */
export const CLOSING = '/once';
export const GREETING = 'here';

export interface Ports {
  /** Of the origins, in the clear and over TLS. */
  readonly plain: number;
  readonly secure: number;
  /** Of proxies by what they ask for, all in front of the origin in the clear. */
  readonly none: number;
  readonly basic: number;
  readonly digest: number;
  readonly ntlm: number;
  /** Spoken to over TLS. */
  readonly tls: number;
  readonly socks: number;
  /** In front of the origin over TLS. */
  readonly toSecure: number;
  /** The authority that issued all certificates. */
  readonly ca: string;
}

export interface Target {
  readonly ports: Ports;
  /** That the origins took so far: one for each tunnel. */
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
