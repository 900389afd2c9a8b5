/**
 * A proxy on loopback that follows a script: a correct CONNECT, or faults of real proxies. It records what it received
 * and tracks its connections, so that a test can wait until the client has closed them.
 */
import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { pipeTo } from './tls-origin.ts';

/** Arguments of a script: the client's socket, the request head, and the number of earlier requests. */
export type Script = (client: Socket, head: string, earlier: number) => void;

export interface FaultProxy extends Loopback {
  /** Request heads in order. */
  readonly heads: readonly string[];
  /** Connections taken so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
}

const HUGE_HEADERS = Buffer.from(`HTTP/1.1 200 OK\r\n${`X-Fill: ${'x'.repeat(1_000)}\r\n`.repeat(1_048)}\r\n`);
const INTERIM = Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000));
const ASKS = 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n';

/** The faults; each is a script, or a way to greet. */
export const FAULTS = {
  /** Takes the connection, reads, and never says a word. */
  silent: () => {},
  closesBeforeAnswering: (client) => client.end(),
  resetsInTheMiddle: (client) => {
    client.write('HTTP/1.1 200 Connec');
    setImmediate(() => client.resetAndDestroy());
  },
  closesInTheMiddle: (client) => client.end('HTTP/1.1 200 Connec'),
  challengesWithoutChallenge: (client) => {
    client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
  },
  grantsThenSilence: (client) => {
    client.write('HTTP/1.1 200 OK\r\n\r\n');
  },
  /** It wants to know who we are, says how, and is never content. */
  challengesForEver: (client) => client.end(`${ASKS}Proxy-Authenticate: Basic realm="r"\r\n\r\n`),
  /** It calls each of its own nonces too old. */
  staleForEver: (client, _head, earlier) => {
    client.end(`${ASKS}Proxy-Authenticate: Digest realm="r", qop="auth", nonce="n${earlier}", stale=true\r\n\r\n`);
  },
  /** The bytes after the 200 arrive in place of TLS and are not TLS. */
  gluesGarbage: (client) => {
    client.write('HTTP/1.1 200 OK\r\n\r\nglued behind the head');
  },
  /** After the 200 comes a TLS alert, handshake_failure, as from a target that spoke first. */
  gluesAlert: (client) => {
    client.write(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), Buffer.from('15030300020228', 'hex')]));
  },
  hugeHeaders: (client) => {
    client.write(HUGE_HEADERS);
  },
  slowHeaders: (client) => {
    const begin = 'HTTP/1.1 200 OK\r\n';
    const field = 'X-Slow: 1\r\n';
    let at = 0;
    const timer = setInterval(() => {
      client.write(begin[at] ?? field[(at - begin.length) % field.length] ?? '');
      at += 1;
    }, 2);
    client.on('close', () => clearInterval(timer));
  },
  htmlInsteadOfAReply: (client) => client.end('<html><title>Welcome</title></html>'),
  garbage: (client) => {
    client.write(Buffer.from(Array.from({ length: 3_000 }, (_none, index) => (index * 73 + 11) % 256)));
  },
  endlessInterim: (client) => {
    let left = 50;
    const more = () => {
      left -= 1;
      if (left < 0 || client.destroyed) return;
      if (client.write(INTERIM)) setImmediate(more);
      else client.once('drain', more);
    };
    more();
  },
  webServer: (client) => {
    client.end('HTTP/1.1 405 Not Allowed\r\nServer: nginx\r\nContent-Length: 12\r\n\r\nnot a method');
  },
} as const satisfies Record<string, Script>;

/** Answers CONNECT as an honest proxy would; every name leads to `port` on loopback. */
export function honest(port: number, answer = 'HTTP/1.1 200 Connection established\r\n\r\n'): Script {
  return (client) => {
    client.write(answer);
    pipeTo(client, port);
  };
}

/** Answers with exactly this and closes. */
export function says(text: string): Script {
  return (client) => client.end(text);
}

export async function startFaultProxy(script: Script, greeting?: string): Promise<FaultProxy> {
  const heads: string[] = [];
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    if (greeting !== undefined) client.write(greeting);
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return;
      client.off('data', onData);
      heads.push(text.slice(0, end + 4));
      const behind = Buffer.from(text.slice(end + 4), 'latin1');
      client.pause();
      if (behind.length > 0) client.unshift(behind);
      client.resume();
      script(client, text.slice(0, end + 4), heads.length - 1);
    };
    client.on('data', onData);
  });
  const loopback = await listenOnLoopback(server);
  return {
    ...loopback,
    heads,
    get connections() {
      return connections;
    },
    get open() {
      return loopback.sockets.size;
    },
  };
}
