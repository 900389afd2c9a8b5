/** A router for tests: one proxy or none, short deadlines, recorded events, and plain HTTP/1.1 over its connections. */
import { once } from 'node:events';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { Authentication } from '#proxy/auth/schemes/scheme.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { Connection, Router } from '#proxy/route.ts';
import { createRouter, type RouterParts, type RouterSettings } from '#proxy/router.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { Secret } from '#redaction/secret.ts';
import { type Clock, systemClock } from '#system/clock.ts';

/** Long enough for any answer on loopback, also on a busy machine. */
const AMPLE_MS = 15_000;

export interface TestRouterOptions {
  readonly proxies?: readonly ProxyProfile[];
  readonly settings?: Partial<RouterSettings>;
  readonly timeouts?: Partial<RouterSettings['response_timeout']>;
  readonly trust?: TlsTrust;
  /** Whom TLS to the proxy corp itself trusts. */
  readonly proxyTrust?: TlsTrust;
  readonly credentialGuard?: CredentialGuard;
  readonly clock?: Clock;
  readonly userAgent?: string;
  readonly sources?: RouterParts['sources'];
  readonly coolDown?: RouterParts['coolDown'];
  /** In place of one that keeps what is registered. */
  readonly registry?: RouterParts['known'];
}

export interface TestRouter extends Router {
  readonly events: SallyportEvent[];
  /** What was registered to be masked. */
  readonly known: string[];
}

export function testRouter(options: TestRouterOptions = {}): TestRouter {
  const events: SallyportEvent[] = [];
  const known: string[] = [];
  const parts: RouterParts = {
    settings: routerSettings(options),
    clock: options.clock ?? systemClock,
    tls: forAll(options.trust ?? {}),
    proxyTls: new Map(options.proxyTrust === undefined ? [] : [['corp', options.proxyTrust]]),
    credentialGuard: options.credentialGuard ?? new CredentialGuard(),
    known: options.registry ?? { add: (secret) => known.push(secret.reveal()) },
    report: (event) => events.push(event),
    ...(options.userAgent === undefined ? {} : { userAgent: options.userAgent }),
    ...(options.sources === undefined ? {} : { sources: options.sources }),
    ...(options.coolDown === undefined ? {} : { coolDown: options.coolDown }),
  };
  return { ...createRouter(parts), events, known };
}

/** A profile with the name `corp`, the default one; Basic, or what is said, when a password is given. */
export function profile(
  port: number,
  basic?: { user?: string; password: string; domain?: string; authentication?: Authentication },
): ProxyProfile {
  const common = { name: 'corp', address: '127.0.0.1', port, scheme: 'http', default: true } as const;
  if (basic === undefined) return { ...common, authentication: 'transparent' };
  const { user = 'svc', domain, authentication = 'basic' } = basic;
  return { ...common, authentication, user, domain, password: new Secret(basic.password) };
}

export function forAll<T>(value: T): Record<Purpose, T> {
  return Object.fromEntries(PURPOSES.map((purpose) => [purpose, value])) as Record<Purpose, T>;
}

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  readonly rawHeaders: readonly string[];
}

/** One GET over a connection, by hand; lets go of the connection. Throws what `validateResponse` throws. */
export async function get(connection: Connection, url: URL): Promise<Answer> {
  const target = connection.form === 'absolute' ? url.href : `${url.pathname}${url.search}`;
  const headers = { Host: url.host, Connection: 'close', ...connection.headersFor('GET', target) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  let text = '';
  const take = (chunk: Uint8Array) => {
    text += Buffer.from(chunk).toString('latin1');
  };
  if (connection.bulk === null) connection.socket.on('data', take);
  else connection.bulk.consume(take);
  connection.socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
  try {
    await once(connection.socket, 'end');
    const answer = parseAnswer(text);
    const [, , ...reason] = (answer.head.split('\r\n', 1)[0] ?? '').split(' ');
    const { status, rawHeaders } = answer;
    connection.validateResponse({ status, reason: reason.join(' '), rawHeaders }, url.href);
    return answer;
  } catch (error) {
    throw (await connection.settled()) ?? error;
  } finally {
    connection.release();
  }
}

function parseAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end);
  const [statusLine = '', ...fields] = head.split('\r\n');
  const rawHeaders = fields.flatMap((field) => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  return { status: Number(statusLine.split(' ')[1]), head, body: text.slice(end + 4), rawHeaders };
}

function routerSettings(options: TestRouterOptions): RouterSettings {
  return {
    proxy_enabled: true,
    proxy_required: false,
    rejected_credential_retry_hours: 6,
    proxies: options.proxies ?? [],
    use_proxy_for: forAll('default'),
    response_timeout: {
      connect_timeout_ms: AMPLE_MS,
      tunnel_timeout_ms: AMPLE_MS,
      tls_timeout_ms: AMPLE_MS,
      ...options.timeouts,
    },
    ...options.settings,
  };
}
