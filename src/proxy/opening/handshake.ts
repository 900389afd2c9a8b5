// Sends CONNECT or HEAD to a proxy and authenticates there if the proxy requires it (RFC 9110, 11.7).
//
// Guarantees: each wait has a limit. A challenge is answered on the same connection if that is still open. Otherwise it
// is answered on a new connection, if the scheme allows this. The exchange ends after a few responses, whatever the
// proxy sends. A failure leaves no socket. The credential is sent only in these requests, and the authentication
// session decides whether it was accepted.

import type { Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { AuthSession } from '#proxy/auth/auth-session.ts';
import type { NextStep } from '#proxy/auth/auth-session-parts.ts';
import type { RequestLine } from '#proxy/auth/schemes/scheme.ts';
import { announcesPage, requiresAuthentication, schemeRemedy, wrongScheme } from '#proxy/auth/verdict.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import { type ErrorPage, readErrorPage } from '#proxy/error-page.ts';
import type { HopMemory } from '#proxy/hop-memory.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { Clock } from '#system/clock.ts';
import { type CollectedBody, type ConnectAnswer, collectBody, MAX_INTERIM, requestHead } from './connect-answer.ts';

export interface HandshakeOptions {
  readonly line: RequestLine;
  /** `host:port` of the target: the Host field, and what failures name. */
  readonly authority: string;
  readonly authSession: AuthSession;
  /** Records every response. */
  readonly memory: HopMemory;
  readonly userAgent: string | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Opens another connection to the same proxy. */
  redial(): Promise<Socket>;
}

/** Where the loop ended: at a response other than 407, or before requests that carry their own proof. */
export interface HandshakeResult {
  readonly socket: Socket;
  readonly head: ResponseHead;
  /** The page of a refusal. */
  readonly page: ErrorPage;
  /** Whether a 200 to CONNECT came with a page in place of a tunnel. */
  readonly pageForTunnel?: boolean;
  /** Whether the next response follows on the connection. Unused if the head opened a tunnel. */
  readonly reusable: boolean;
}

type Answered = Extract<ConnectAnswer, { kind: 'answered' }>;

const TUNNEL_KEY = 'response_timeout.tunnel_timeout_ms';
/** Maximum number of bytes of an error page that are read. */
const ERROR_PAGE_BYTES = 65_536;
/** How long to wait for the page, in milliseconds. The refusal itself is already known. */
const ERROR_PAGE_WAIT_MS = 2_000;
/** From this status on, a response is a refusal and has a page. */
const FIRST_WITH_PAGE = 300;
/** Prefix of Node's codes for OpenSSL errors. */
const TLS_ERROR = 'ERR_SSL_';
/** Number of first bytes that identify a page. */
const PAGE_START = 64;
const NO_PAGE: ErrorPage = { title: null, words: null };
/** Maximum number of responses. The longest legitimate sequence has four: none, negotiate, challenge, a stale one. */
const MAX_ANSWERS = 6;

/**
 * Repeats the request until the response is not a 407. With `isForward`, also ends at a 407 after which requests carry
 * their own proof.
 * @throws CodedError TUNNEL-TIMEOUT, TUNNEL-CLOSED, NOT-A-PROXY, PROXY-PROTOCOL, TOO-MANY-INTERIM, AUTH-*, NTLM-CONN
 */
export async function performHandshake(
  first: Socket,
  options: HandshakeOptions & { readonly isForward: boolean },
): Promise<HandshakeResult> {
  const { authSession, line } = options;
  let socket = first;
  try {
    let step: NextStep | null = null;
    let authorization = await authSession.begin(line);
    for (let answers = 1; answers <= MAX_ANSWERS; answers += 1) {
      const answer = await requestAnswer(socket, authorization?.reveal() ?? null, options);
      if (answer.kind !== 'answered') throw noAnswer(answer, step, options);
      options.memory.noteHead(answer.head);
      const answered = await readMore(socket, answer, options);
      if (!requiresAuthentication(answered.head, line.method)) return answered;
      if (options.isForward && (await authSession.prepare(answered.head))) return answered;
      step = await authSession.challenged(answered.head, line);
      if (!answered.reusable) socket = await reconnect(socket, step, options);
      authorization = step.authorization;
    }
    throw endless(options);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Reads what follows the head, as far as needed. */
async function readMore(socket: Socket, answer: Answered, options: HandshakeOptions): Promise<HandshakeResult> {
  const { head } = answer;
  if (isTunnel(head, options.line) && !announcesPage(head) && !startsWithPage(socket)) {
    return { socket, head, page: NO_PAGE, reusable: true };
  }
  const body = await readBody(socket, head, options);
  return {
    socket,
    head,
    page: readErrorPage(body.bytes.toString('utf8')),
    pageForTunnel: isTunnel(head, options.line),
    reusable: body.complete && staysOpen(answer),
  };
}

/** Opens another connection, if a proof for the challenge is valid there. */
async function reconnect(socket: Socket, step: NextStep, options: HandshakeOptions): Promise<Socket> {
  if (step.sameConnection) throw lost(options, 'it closed the connection with its challenge');
  socket.destroy();
  return await options.redial();
}

/** Whether the bytes after the head are a page: no target of these tunnels sends first, and none sends HTML. */
function startsWithPage(socket: Socket): boolean {
  const first = socket.read() as Buffer | null;
  if (first === null) return false;
  socket.unshift(first);
  return /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(first.toString('latin1', 0, PAGE_START));
}

function isTunnel({ status }: ResponseHead, { method }: RequestLine): boolean {
  return method === 'CONNECT' && status >= 200 && status <= 299;
}

function requestAnswer(
  socket: Socket,
  authorization: string | null,
  options: HandshakeOptions,
): Promise<ConnectAnswer> {
  const { authority, line, userAgent } = options;
  const facts = { ...unanswered(options), key: TUNNEL_KEY };
  const headers = {
    Host: authority,
    ...(userAgent === null ? {} : { 'User-Agent': userAgent }),
    ...(authorization === null ? {} : { 'Proxy-Authorization': authorization }),
    // Without it Node sends `close`, and Squid then omits the challenges that need the connection.
    Connection: 'keep-alive',
  };
  const late = (elapsed: number) => coded('TUNNEL-TIMEOUT', { ...facts, elapsed });
  return boundedStep<ConnectAnswer>({ ...options, late }, (end) => {
    if (socket.destroyed || socket.readableEnded) {
      end.done({ kind: 'closed', reason: 'without sending anything' });
      return () => {};
    }
    return requestHead(socket, { line, headers }, end);
  });
}

/** The page of a refusal, as far as it arrives in time. A response to HEAD has none. */
async function readBody(socket: Socket, head: ResponseHead, options: HandshakeOptions): Promise<CollectedBody> {
  const nothing = { bytes: Buffer.alloc(0), complete: false };
  // A proxy that sends a body after HEAD makes the connection unusable: the body would be read as the next response.
  if (options.line.method === 'HEAD') {
    return { ...nothing, complete: !socket.readableEnded && socket.readableLength === 0 };
  }
  // A page in place of a tunnel has at most the framing of its head.
  if (head.status < FIRST_WITH_PAGE && !isTunnel(head, options.line)) return nothing;
  const timeoutMs = Math.min(ERROR_PAGE_WAIT_MS, options.timeoutMs);
  const tooLate = new Error('the error page did not come in time');
  try {
    return await boundedStep<CollectedBody>({ ...options, timeoutMs, late: () => tooLate }, ({ done }) =>
      collectBody(socket, head, { limit: ERROR_PAGE_BYTES, done }),
    );
  } catch (error) {
    if (error === tooLate) return nothing;
    throw error;
  }
}

/**
 * RFC 9112, 9.3: HTTP/1.1 persists unless one side sends `close`, HTTP/1.0 ends unless both send `keep-alive`. Proxies
 * also have a field of their own for this.
 */
function staysOpen({ head: { rawHeaders }, version }: Answered): boolean {
  let staying = version !== '1.0';
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (!/^(?:proxy-)?connection$/i.test(rawHeaders[at] ?? '')) continue;
    if (/(?:^|,)\s*close\s*(?:,|$)/i.test(rawHeaders[at + 1] ?? '')) return false;
    staying ||= /(?:^|,)\s*keep-alive\s*(?:,|$)/i.test(rawHeaders[at + 1] ?? '');
  }
  return staying;
}

function noAnswer(
  answer: Exclude<ConnectAnswer, { kind: 'answered' }>,
  step: NextStep | null,
  options: HandshakeOptions,
): CodedError {
  const { name: proxy, hop } = options.authSession.peer;
  const target = options.authority;
  switch (answer.kind) {
    case 'not-http':
      if (answer.tls && options.authSession.peer.scheme === 'http')
        return wrongScheme(options.authSession.peer, answer.answer);
      return coded('NOT-A-PROXY', { proxy, target, answer: answer.answer, hop });
    case 'broken':
      return coded('PROXY-PROTOCOL', {
        proxy,
        asked: `${options.line.method} ${target}`,
        answer: answer.answer,
        reason: answer.reason,
        hop,
      });
    case 'too-many-interim':
      return coded('TOO-MANY-INTERIM', { url: `${options.line.method} ${target}`, limit: MAX_INTERIM, proxy, hop });
    case 'closed':
      if (answer.reason.startsWith(TLS_ERROR)) return brokenTls(options, answer.reason);
      if (step?.sameConnection === true) return lost(options, 'it closed the connection after its challenge');
      return coded('TUNNEL-CLOSED', { ...unanswered(options), reason: answer.reason });
  }
}

/** The failure of a proxy that did not respond, with other protocols that its port may speak. */
function unanswered({ authSession: { peer }, authority: target, line }: HandshakeOptions) {
  const { name: proxy, hop, address, port } = peer;
  const isPlain = peer.scheme === 'http';
  const remedy = schemeRemedy(peer, isPlain ? ['https', 'socks5h'] : ['http']);
  const others = isPlain ? 'TLS or SOCKS' : 'plain HTTP';
  const { scheme, variable } = peer;
  return { proxy, target, asked: line.method, others, remedy, scheme, address, port, variable, hop };
}

function lost({ authSession }: HandshakeOptions, reason: string): CodedError {
  return coded('NTLM-CONN', { proxy: authSession.peer.name, reason, hop: authSession.peer.hop });
}

/** With TLS 1.3, the failure for a missing client certificate arrives only after the handshake. */
function brokenTls({ authSession }: HandshakeOptions, code: string): CodedError {
  const reason = code.slice(TLS_ERROR.length).toLowerCase().replaceAll('_', ' ');
  return coded('PROXY-TLS-FAILED', { proxy: authSession.peer.name, reason, hop: authSession.peer.hop });
}

function endless({ authSession }: HandshakeOptions): CodedError {
  const { name: proxy, authentication, hop } = authSession.peer;
  return coded('AUTH-MESSAGE', {
    proxy,
    scheme: authentication,
    reason: `the proxy still requests authentication after ${MAX_ANSWERS} answers`,
    hop,
  });
}
