/**
 * A correct CONNECT proxy on loopback that requires Basic, Digest or NTLM and verifies every proof itself. Every name leads to
 * one port. It counts connections and tunnels, and records the proofs that it received.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { type Loopback, listenOnLoopback } from './loopback.ts';
import { challengeMessage, type NtlmUser, verifyAuthenticate } from './ntlm-verifier.ts';
import { pipeTo } from './tls-origin.ts';

export type ProxyLogin = 'none' | 'basic' | 'digest' | 'ntlm';

export interface LoginProxy extends Loopback {
  /** What was counted so far: connections taken, tunnels opened, proofs refused. */
  readonly counted: { connections: number; tunnels: number; refused: number };
  /** Request lines of every CONNECT. */
  readonly lines: string[];
}

/** What a proof is worth: `ok`, or the fields of the 407. */
type Judge = (authorization: string | undefined, line: string) => 'ok' | readonly string[];

export async function startLoginProxy(login: ProxyLogin, user: NtlmUser, targetPort: number): Promise<LoginProxy> {
  const lines: string[] = [];
  const counted = { connections: 0, tunnels: 0, refused: 0 };
  const nonce = randomBytes(12).toString('hex');
  const server = createServer({ noDelay: true }, (client) => {
    counted.connections += 1;
    const judge = verifierFor(login, user, nonce);
    readHeads(client, (head) => {
      const [line = ''] = head.split('\r\n', 1);
      lines.push(line);
      const authorization = /^proxy-authorization: (.*)\r$/im.exec(head)?.[1];
      const verdict = judge(authorization, line);
      if (verdict !== 'ok') {
        if (authorization !== undefined && !isNegotiate(authorization)) counted.refused += 1;
        const fields = verdict.map((field) => `Proxy-Authenticate: ${field}\r\n`).join('');
        client.write(`HTTP/1.1 407 X\r\n${fields}Content-Length: 0\r\n\r\n`);
        return false;
      }
      counted.tunnels += 1;
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      pipeTo(client, targetPort);
      return true;
    });
  });
  return { counted, lines, ...(await listenOnLoopback(server)) };
}

/** Hands out each request head until one of them made a tunnel; what is behind it goes back. */
function readHeads(client: Socket, onHead: (head: string) => boolean): void {
  let text = '';
  const onData = (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 2);
      text = text.slice(end + 4);
      if (!onHead(head)) continue;
      client.off('data', onData);
      if (text.length > 0) client.unshift(Buffer.from(text, 'latin1'));
      return;
    }
  };
  client.on('data', onData);
}

/** One for each connection: NTLM is bound to it; the nonce of Digest is not. */
function verifierFor(login: ProxyLogin, user: NtlmUser, nonce: string): Judge {
  switch (login) {
    case 'none':
      return () => 'ok';
    case 'basic': {
      const shown = `${user.domain === '' ? '' : `${user.domain}\\`}${user.user}:${user.password}`;
      const expected = `Basic ${Buffer.from(shown).toString('base64')}`;
      return (authorization) => (authorization === expected ? 'ok' : ['Basic realm="test"']);
    }
    case 'digest':
      return digestJudge(user, nonce);
    case 'ntlm':
      return ntlmJudge(user);
  }
}

function digestJudge(user: NtlmUser, nonce: string): Judge {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const shown = `${user.domain === '' ? '' : `${user.domain}\\`}${user.user}`;
  return (authorization = '', line) => {
    const field = (name: string) => new RegExp(`[ ,]${name}="?([^",]*)`).exec(authorization)?.[1] ?? '';
    const [method, target] = line.split(' ');
    const secret = md5(`${shown}:test:${user.password}`);
    const request = md5(`${method}:${target}`);
    const proof = md5([secret, field('nonce'), field('nc'), field('cnonce'), 'auth', request].join(':'));
    return authorization !== '' && field('response') === proof
      ? 'ok'
      : [`Digest realm="test", nonce="${nonce}", qop="auth"`];
  };
}

/** The first message of NTLM asks for the challenge; it proves nothing (MS-NLMP, 2.2.1.1). */
function isNegotiate(authorization: string): boolean {
  return /^NTLM TlRMTVNTUAABAAAA/.test(authorization);
}

function ntlmJudge(user: NtlmUser): Judge {
  const time: readonly [number, Buffer] = [7, Buffer.from('0102030405060708', 'hex')];
  const challenge = challengeMessage({ pairs: [[2, Buffer.from(user.domain, 'utf16le')], time] });
  let negotiate: Buffer | null = null;
  return (authorization = '') => {
    const message = Buffer.from(authorization.replace(/^NTLM /, ''), 'base64');
    const type = message.length < 12 ? 0 : message.readUInt32LE(8);
    if (type === 1) {
      negotiate = message;
      return [`NTLM ${challenge.toString('base64')}`];
    }
    if (type !== 3 || negotiate === null) return ['NTLM'];
    return verifyAuthenticate(message, user, { negotiate, challenge }) === null ? 'ok' : ['NTLM'];
  };
}
