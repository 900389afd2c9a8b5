// What another client needs to know about a proxy or a direct connection of a route, so that it can use the same. Types
// only.

import type { Secret } from '#redaction/secret.ts';

/** A proxy, or the target itself, just before it is tried. */
export interface CandidateInfo {
  /** Null for a direct connection. */
  readonly proxy: CandidateProxy | null;
}

export interface CandidateProxy {
  /** Name of its profile. */
  readonly name: string;
  readonly scheme: 'http' | 'https' | 'socks4' | 'socks4a' | 'socks5' | 'socks5h';
  /** DNS name, IPv4 or IPv6 (without brackets). */
  readonly address: string;
  readonly port: number;
  /** `http://proxy.example.com:3128`, without user. */
  readonly url: string;
  /** `forward` if plain HTTP is requested in absolute form. */
  readonly how: 'tunnel' | 'forward';
  /**
   * The authentication scheme: the configured one, or one that this proxy accepted before; null when neither is known.
   */
  readonly authentication: string | null;
  /** Whether an account or a ticket may be sent to it. */
  readonly hasAccount: boolean;
  /**
   * Lends the account, if this proxy has accepted it by Basic (or SOCKS login) since that moment (monotonic, in
   * milliseconds) and nothing has rejected it since; null otherwise.
   * @throws the reason of the signal
   */
  lend(sinceMs: number, signal: AbortSignal): Promise<LentAccount | null>;
}

/** An account in use by another client. The borrower calls one of the two functions at the end. */
export interface LentAccount {
  /** With the domain, in the form that Basic sends. */
  readonly user: string;
  readonly password: Secret;
  /** The proxy rejected the account: it is not sent again. */
  refused(): void;
  /** The loan ended in any other way. */
  returned(): void;
}
