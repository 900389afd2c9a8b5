// A candidate of a route as others may see it: what another client needs in order to take the same proxy. Types only.

import type { Secret } from '#redaction/secret.ts';

/** A proxy, or the target itself, just before it is tried. */
export interface CandidateInfo {
  /** Null where the connection goes direct. */
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
  /** `forward` where plain HTTP is requested in absolute form. */
  readonly how: 'tunnel' | 'forward';
  /** The scheme of the account or ticket: named by the settings, or accepted by this proxy before. Null where neither says. */
  readonly authentication: string | null;
  /** Whether an account or a ticket may be shown to it. */
  readonly hasAccount: boolean;
  /**
   * Hands out the account, if this proxy has accepted it by Basic (or the login of SOCKS) since that moment (monotonic, in
   * milliseconds) and nothing has refused it meanwhile. Null otherwise.
   * @throws the reason of the signal
   */
  lend(sinceMs: number, signal: AbortSignal): Promise<Loan | null>;
}

/** An account in use by another client. The borrower calls one of the two functions at the end. */
export interface Loan {
  /** With the domain, as Basic shows it. */
  readonly user: string;
  readonly password: Secret;
  /** The proxy refused it: it is not sent again. */
  refused(): void;
  /** Any other end. */
  returned(): void;
}
