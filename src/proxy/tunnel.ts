// CONNECT through an HTTP proxy: makes a tunnel of an open connection to it (RFC 9110, 9.3.6).
//
// Guarantees: on return the socket is a raw pipe to the target, with every byte that came behind the 200 still in it;
// on a failure the error is the proxy's own, with what the proxy said, and the caller destroys the socket. The
// credential goes into the CONNECT and nowhere else; its verdict reaches the ledger as soon as it is known. Each wait
// is bounded.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import type { Credential } from './auth/basic.ts';
import type { Attempt } from './auth/ledger.ts';
import { boundedStep } from './bounded-step.ts';
import { askConnect, type ConnectAnswer, collectBody, MOST_INTERIM } from './connect-answer.ts';
import { titleOf } from './page-title.ts';
import type { ResponseHead } from './route.ts';
import { type AskedProxy, credentialVerdict, judgeConnect, needsTitle } from './verdict.ts';

export interface TunnelOptions {
  /** `host:port` of the target. */
  readonly authority: string;
  readonly asked: AskedProxy;
  readonly credential: Credential | null;
  readonly attempt: Attempt | null;
  readonly userAgent: string | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const TUNNEL_KEY = 'response_timeout.tunnel_timeout_ms';
/** So much of an error page is read for its title, in bytes. */
const ERROR_PAGE_BYTES = 65_536;
/** So long its title is waited for; the refusal itself is known already. */
const ERROR_PAGE_WAIT_MS = 2_000;

/**
 * Asks the proxy at the other end of `socket` for a tunnel.
 * @throws CodedError TUNNEL-TIMEOUT, TUNNEL-CLOSED, NOT-A-PROXY, TOO-MANY-INTERIM, AUTH-*, POLICY-DENIED, PROXY-*
 */
export async function openTunnel(socket: Socket, options: TunnelOptions): Promise<void> {
  const answer = await ask(socket, options);
  if (answer.kind !== 'answered') throw noAnswer(answer, options);
  const title = needsTitle(answer.head) ? await readTitle(socket, answer.head, options) : null;
  const error = judgeConnect(answer.head, options.asked, { target: options.authority, title });
  options.attempt?.[credentialVerdict(error)]();
  if (error !== null) throw error;
}

function ask(socket: Socket, options: TunnelOptions): Promise<ConnectAnswer> {
  const { authority, asked, credential, userAgent } = options;
  const facts = { proxy: asked.name, target: authority, key: TUNNEL_KEY, hop: asked.hop };
  const headers = {
    Host: authority,
    ...(userAgent === null ? {} : { 'User-Agent': userAgent }),
    ...(credential === null ? {} : { 'Proxy-Authorization': credential.authorization.reveal() }),
    // Without it Node says `close`, and Squid then keeps back the challenges that need the connection.
    Connection: 'keep-alive',
  };
  const late = (elapsed: number) => coded('TUNNEL-TIMEOUT', { ...facts, elapsed });
  return boundedStep<ConnectAnswer>({ ...options, late }, (end) => {
    if (socket.destroyed || socket.readableEnded) {
      end.done({ kind: 'closed', reason: 'without a word' });
      return () => {};
    }
    return askConnect(socket, { authority, headers }, end);
  });
}

/** The title of the page that came with a refusal; null when there is none or it takes too long. */
async function readTitle(socket: Socket, head: ResponseHead, options: TunnelOptions): Promise<string | null> {
  const timeoutMs = Math.min(ERROR_PAGE_WAIT_MS, options.timeoutMs);
  const tooLate = new Error('the error page did not come in time');
  try {
    const page = await boundedStep<Buffer>({ ...options, timeoutMs, late: () => tooLate }, ({ done }) =>
      collectBody(socket, head, { limit: ERROR_PAGE_BYTES, done }),
    );
    return titleOf(page.toString('utf8'));
  } catch (error) {
    if (error === tooLate) return null;
    throw error;
  }
}

function noAnswer(answer: Exclude<ConnectAnswer, { kind: 'answered' }>, options: TunnelOptions): CodedError {
  const { name: proxy, hop } = options.asked;
  const target = options.authority;
  switch (answer.kind) {
    case 'not-http':
      return coded('NOT-A-PROXY', { proxy, target, answer: answer.answer, hop });
    case 'too-many-interim':
      return coded('TOO-MANY-INTERIM', { url: `CONNECT ${target}`, limit: MOST_INTERIM, proxy, hop });
    case 'closed':
      return coded('TUNNEL-CLOSED', { proxy, target, reason: answer.reason, hop });
  }
}
