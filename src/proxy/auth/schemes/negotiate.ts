// Negotiate (RFC 4559, RFC 4178): authenticates with a Kerberos ticket for the proxy, without a password.
//
// Guarantees: the library is loaded only if a profile needs it, or if `auto` meets a proxy that offers Negotiate. If it
// is missing, the failure says what to install. The ticket is for HTTP at the proxy's own name, and nothing is
// delegated. It comes from the system's Kerberos: a cache (KRB5CCNAME) or a keytab (KRB5_CLIENT_KTNAME). Only a token
// proves that there is a ticket. The library may wait forever for the servers of the realm, so our wait has a limit.
// Its calls run one at a time, because each occupies one of the few threads for files and DNS. Each token is registered
// for masking.

import { isIP } from 'node:net';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import { Secret } from '#redaction/secret.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import type { Authenticator, Reply, SecretRegistry } from './scheme.ts';

/** The used part of the optional package `kerberos`. */
export interface KerberosLibrary {
  readonly GSS_MECH_OID_SPNEGO: number;
  readonly GSS_C_MUTUAL_FLAG: number;
  readonly GSS_C_REPLAY_FLAG: number;
  initializeClient(
    service: string,
    options: { readonly mechOID: number; readonly flags: number },
  ): Promise<KerberosClient>;
}

interface KerberosClient {
  step(challenge: string): Promise<string>;
}

export interface NegotiateParts {
  readonly known: SecretRegistry;
  readonly proxy: string;
  readonly hop: Hop;
  readonly proxyUrl: string;
  readonly signal: AbortSignal;
}

export type KerberosLoader = () => Promise<KerberosLibrary>;

/** How long to wait for a ticket, in milliseconds. The realm's servers usually answer at once or not at all. */
const TICKET_WAIT_MS = 10_000;

/** The calls of each library, one at a time. */
const turnsOf = new WeakMap<KerberosLibrary, Turns>();

export function negotiateAuthenticator(
  parts: NegotiateParts,
  load: KerberosLoader = loadKerberos,
  clock: Clock = systemClock,
): Authenticator {
  const { known, proxy, hop } = parts;
  let client: Promise<KerberosClient> | null = null;
  let sent = false;

  const step = async (challenge: string): Promise<Reply> => {
    try {
      const token = await bounded(async (isOver) => {
        const library = await openLibrary();
        return await inTurn(library, isOver, async () => {
          client ??= openClient(library);
          return await (await client).step(challenge);
        });
      });
      const authorization = new Secret(`Negotiate ${token}`);
      known.add(authorization, 'once');
      const sameConnection = sent;
      sent = true;
      return { kind: 'send', authorization, proves: true, sameConnection };
    } catch (thrown) {
      parts.signal.throwIfAborted();
      return { kind: 'failed', error: ticketFailure(thrown, parts) };
    }
  };
  return {
    scheme: 'Negotiate',
    connectionBound: true,
    begin: () => step(''),
    next({ token }) {
      if (!sent) return step('');
      // After a proof, a bare challenge is a rejection; one with a token is the next step (RFC 4559, 5).
      return token === null ? Promise.resolve({ kind: 'refused' }) : step(token);
    },
    prepare: () => null,
    headerFor: () => null,
  };

  /** A library call cannot be cancelled: after the limit it runs on unobserved. */
  function bounded(work: (isOver: () => boolean) => Promise<string>): Promise<string> {
    const late = () => new Error(`no ticket within ${TICKET_WAIT_MS} ms`);
    return boundedStep<string>({ clock, timeoutMs: TICKET_WAIT_MS, signal: parts.signal, late }, ({ done, fail }) => {
      let over = false;
      work(() => over).then(done, fail);
      return () => {
        over = true;
      };
    });
  }

  async function openLibrary(): Promise<KerberosLibrary> {
    const { hostname } = new URL(parts.proxyUrl);
    if (isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) {
      throw coded('AUTH-TICKET', {
        proxy,
        service: `HTTP@${hostname}`,
        reason: 'a ticket needs a host name, not an IP address',
        hop,
      });
    }
    return await load().catch((cause: unknown) => {
      throw coded('NEGOTIATE-UNAVAILABLE', { proxy, reason: reasonOf(cause), hop }, cause);
    });
  }

  function openClient(library: KerberosLibrary): Promise<KerberosClient> {
    const { hostname } = new URL(parts.proxyUrl);
    // GSS_C_DELEG_FLAG is not set: a proxy must not use our ticket elsewhere.
    const flags = library.GSS_C_MUTUAL_FLAG | library.GSS_C_REPLAY_FLAG;
    return library.initializeClient(`HTTP@${hostname}`, { mechOID: library.GSS_MECH_OID_SPNEGO, flags });
  }
}

/** Calls a library after its previous calls have ended; skips the call if the caller no longer waits. */
function inTurn(library: KerberosLibrary, isOver: () => boolean, ask: () => Promise<string>): Promise<string> {
  const turns = turnsOf.get(library) ?? new Turns();
  turnsOf.set(library, turns);
  return turns.run(() => (isOver() ? Promise.reject(new Error('the attempt was already over')) : ask()));
}

function ticketFailure(thrown: unknown, { proxy, proxyUrl, hop }: NegotiateParts): CodedError {
  const error = asCoded(thrown);
  if (error.code !== 'INTERNAL') return error;
  const service = `HTTP@${new URL(proxyUrl).hostname}`;
  return coded('AUTH-TICKET', { proxy, service, reason: reasonOf(thrown), hop }, thrown);
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'no reason was given';
  return (thrown as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' ? 'it is not installed' : thrown.message;
}

/** The package is not a dependency, because it cannot be installed without its install script. It may be absent. */
async function loadKerberos(): Promise<KerberosLibrary> {
  // @ts-expect-error The package may be absent when types are checked.
  const loaded = (await import('kerberos')) as { readonly default: KerberosLibrary };
  return loaded.default;
}
