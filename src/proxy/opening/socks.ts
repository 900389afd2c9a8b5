// Makes a tunnel from an open connection to a SOCKS proxy (RFC 1928, RFC 1929, SOCKS 4 and 4a).
//
// Guarantees: the returned socket is a raw connection to the target. It still has every byte that came after the reply,
// and no listener of this module. The function ends within its limit. After a failure, no socket is left, and the error
// says what the proxy answered. The password is sent only if the proxy requested it, and only after the credential
// guard has recorded the attempt.

import { lookup } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { AuthSession } from '#proxy/auth/auth-session.ts';
import { schemeRemedy, userRemedy } from '#proxy/auth/verdict.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { Clock } from '#system/clock.ts';
import { pump } from './connect-answer.ts';
import {
  connect4,
  connect5,
  FAILED_BEHIND_PROXY,
  greeting5,
  NO_AUTHENTICATION,
  NOT_ALLOWED,
  type Read,
  readAuthStatus,
  readMethod,
  readReply4,
  readReply5,
  type SocksReply,
  USER_AND_PASSWORD,
  userAndPassword,
} from './socks-messages.ts';

/** 4 and 5 receive an address, 4a and 5h a name. */
export type SocksScheme = 'socks4' | 'socks4a' | 'socks5' | 'socks5h';

export interface SocksOptions {
  readonly scheme: SocksScheme;
  /** What the proxy receives: a name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` of the target as failures name it. */
  readonly authority: string;
  readonly authSession: AuthSession;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Another protocol that may treat SOCKS as invalid, or wait for more. */
const OTHERS = 'an HTTP proxy';
const TUNNEL_KEY = 'response_timeout.tunnel_timeout_ms';
/** Maximum number of bytes of a non-SOCKS answer that are kept for the failure. */
const SHOWN_BYTES = 80;
/** Length of the longest message of a SOCKS proxy, a reply with the longest name, in bytes. */
const MAX_MESSAGE_LENGTH = 262;

/**
 * Requests a connection to the target from the proxy at the other end of `socket`.
 * @throws CodedError TUNNEL-TIMEOUT, TUNNEL-CLOSED, NOT-A-PROXY, AUTH-*, POLICY-DENIED, PROXY-UPSTREAM, SOCKS-*
 */
export async function openSocks(socket: Socket, options: SocksOptions): Promise<Socket> {
  try {
    const dialog = new SocksDialog(socket, options);
    const reply = isVersion4(options.scheme) ? await request4(dialog, options) : await request5(dialog, options);
    if (reply.words !== null) throw refusal(reply, reply.words, options);
    // If the proxy requested no authentication, there is no verdict to wait for.
    if (!options.authSession.accepted) options.authSession.unknown();
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Whether this scheme needs an address, so that a name must be resolved here. */
export function resolvesHere(scheme: SocksScheme, host: string): boolean {
  return (scheme === 'socks4' || scheme === 'socks5') && isIP(host) === 0;
}

/** The target to resolve, and the proxy that needs its address. */
interface SocksTarget {
  readonly host: string;
  readonly scheme: SocksScheme;
  readonly proxy: string;
  readonly hop: Hop;
  /** The environment variable that names the proxy; null otherwise. */
  readonly variable: string | null;
  /** Whether names may be resolved here at all. */
  readonly mayResolve: boolean;
}

/**
 * The address of a target for a proxy that takes no names.
 * @throws CodedError DNS-SOCKS, POLICY-RESOLVE
 */
export async function resolveForSocks(
  { mayResolve, variable, ...target }: SocksTarget,
  bounds: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const remedy = schemeRemedy({ name: target.proxy, variable }, ['socks5h', 'socks4a']);
  if (!mayResolve) throw coded('POLICY-RESOLVE', { ...target, remedy });
  const unresolved = (reason: string, cause?: Error) => coded('DNS-SOCKS', { ...target, remedy, reason }, cause);
  const late = (elapsed: number) => unresolved(`no answer in ${Math.round(elapsed)} ms`);
  return await boundedStep<string>({ ...bounds, late }, ({ done, fail }) => {
    const family = isVersion4(target.scheme) ? 4 : 0;
    lookup(target.host, { family }, (error, address) => {
      if (error === null) done(address);
      else fail(unresolved(error.code ?? error.message, error));
    });
    return () => {};
  });
}

async function request4(
  dialog: SocksDialog,
  { host, port, authSession, scheme, authority }: SocksOptions,
): Promise<SocksReply> {
  const request = connect4(host, port, authSession.account?.shown ?? '');
  if (request === null) throw tooLong(authSession, scheme, authority);
  return await dialog.exchange(request, readReply4);
}

async function request5(
  dialog: SocksDialog,
  { host, port, authSession, scheme, authority }: SocksOptions,
): Promise<SocksReply> {
  const request = connect5(host, port);
  if (request === null) throw tooLong(authSession, scheme, authority);
  const method = await dialog.exchange(greeting5(authSession.account !== null), readMethod);
  if (method === USER_AND_PASSWORD && authSession.account !== null) await showPassword(dialog, authSession, scheme);
  else if (method !== NO_AUTHENTICATION) throw unmet(authSession, method);
  return await dialog.exchange(request, readReply5);
}

async function showPassword(dialog: SocksDialog, authSession: AuthSession, scheme: SocksScheme): Promise<void> {
  const { shown, password } = authSession.account ?? { shown: '', password: null };
  const message = userAndPassword(shown, password?.reveal() ?? '');
  if (message === null) throw tooLong(authSession, scheme, 'this user or password');
  await authSession.showing();
  if (!(await dialog.exchange(message, readAuthStatus))) throw await authSession.refused();
  authSession.settle(null);
  await authSession.settled();
}

/** The proxy requires another authentication than the configured one. */
function unmet(authSession: AuthSession, method: number): CodedError {
  const { name: proxy, hop, authentication } = authSession.peer;
  if (authSession.account !== null) {
    return coded('AUTH-SCHEME', {
      proxy,
      offered: 'neither access without a user nor user and password',
      configured: authentication,
      hop,
    });
  }
  const offered = method === USER_AND_PASSWORD ? 'SOCKS user and password' : 'SOCKS';
  return coded('AUTH-REQUIRED', { proxy, offered, realm: null, remedy: userRemedy(authSession.peer, []), hop });
}

function refusal({ code }: SocksReply, said: string, { authSession, authority: target }: SocksOptions): CodedError {
  const facts = {
    proxy: authSession.peer.name,
    target,
    status: `SOCKS reply ${code}`,
    said,
    hop: authSession.peer.hop,
  };
  if (code === NOT_ALLOWED) return coded('POLICY-DENIED', facts);
  if (!FAILED_BEHIND_PROXY.has(code)) return coded('SOCKS-REFUSED', facts);
  const credentials = authSession.accepted ? 'the credentials are correct' : 'no credentials were sent';
  return coded('PROXY-UPSTREAM', { ...facts, credentials });
}

function tooLong({ peer }: AuthSession, scheme: SocksScheme, what: string): CodedError {
  return coded('SOCKS-LIMIT', { proxy: peer.name, what, scheme, hop: peer.hop });
}

function isVersion4(scheme: SocksScheme): boolean {
  return scheme === 'socks4' || scheme === 'socks4a';
}

/** Exchanges messages on one socket, within one limit for all of them. */
class SocksDialog {
  readonly #socket: Socket;
  readonly #options: SocksOptions;
  readonly #untilMs: number;

  constructor(socket: Socket, options: SocksOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#untilMs = options.clock.monotonic() + options.timeoutMs;
  }

  /** Sends a message and reads the reply; later bytes go back into the socket. */
  exchange<T>(message: Buffer, read: (bytes: Buffer) => Read<T>): Promise<T> {
    const { clock, timeoutMs, authSession, authority: target } = this.#options;
    const { name: proxy, hop, scheme, address, port, variable } = authSession.peer;
    const place = { scheme, address, port, variable };
    const about = {
      proxy,
      target,
      asked: 'SOCKS',
      others: OTHERS,
      remedy: schemeRemedy(authSession.peer, ['http']),
      ...place,
      hop,
    };
    const late = () => coded('TUNNEL-TIMEOUT', { ...about, elapsed: timeoutMs, key: TUNNEL_KEY });
    const left = { ...this.#options, timeoutMs: this.#untilMs - clock.monotonic(), late };
    const closed = (reason: string) => coded('TUNNEL-CLOSED', { ...about, reason });
    const socket = this.#socket;
    return boundedStep<T>(left, ({ done, fail }) => {
      if (socket.destroyed || socket.readableEnded) {
        fail(closed('without sending anything'));
        return () => {};
      }
      let bytes = Buffer.alloc(0);
      const unlisten = pump(socket, {
        onBytes: (chunk) => {
          bytes = Buffer.concat([bytes, chunk]);
          const answer = read(bytes.subarray(0, MAX_MESSAGE_LENGTH));
          if (answer.kind === 'short') return;
          unlisten();
          if (answer.kind === 'foreign') {
            fail(this.#misunderstood(describe(bytes)));
            return;
          }
          if (bytes.length > answer.length) socket.unshift(bytes.subarray(answer.length));
          done(answer.value);
        },
        onEnd: () => fail(closed(bytes.length === 0 ? 'without sending anything' : 'in the middle of its response')),
        onBroken: (reason) => fail(closed(reason)),
      });
      socket.write(message);
      return unlisten;
    });
  }

  #misunderstood(answer: string): CodedError {
    const { authSession, scheme, authority: target } = this.#options;
    const { name: proxy, port, hop } = authSession.peer;
    if (/^HTTP\//.test(answer)) {
      const remedy = schemeRemedy(authSession.peer, ['http']);
      return coded('PROXY-SCHEME', { proxy, port, speaks: 'HTTP', scheme, wanted: 'http', answer, remedy, hop });
    }
    return coded('NOT-A-PROXY', { proxy, target, answer, hop });
  }
}

/** Describes another protocol by its first line. */
function describe(bytes: Buffer): string {
  return bytes.toString('latin1', 0, SHOWN_BYTES).split(/[\r\n]/, 1)[0] ?? '';
}
