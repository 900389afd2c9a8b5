// What an authentication scheme is to the loop that speaks with a proxy: it makes the values of Proxy-Authorization.
//
// A scheme knows no socket, no credential guard and no clock of its own. It says of each value whether anything in it was made
// from the secret, because such a value may be sent once and only after the credential guard has written that down.

import type { CodedError } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Challenge } from './challenge.ts';

/** The schemes, from the weakest to the strongest. */
export const SCHEMES = ['Basic', 'Digest', 'NTLM', 'Negotiate'] as const;
export type SchemeName = (typeof SCHEMES)[number];

/** What a profile may say. */
export type Authentication = 'transparent' | 'basic' | 'digest' | 'ntlm' | 'negotiate' | 'auto';

/** The scheme that a profile names; null where it names none or leaves the choice. */
export function namedScheme(authentication: Authentication): SchemeName | null {
  return SCHEMES.find((scheme) => scheme.toLowerCase() === authentication) ?? null;
}

/** Higher is stronger; -1 for what is no scheme of ours. */
export function schemeStrength(scheme: string): number {
  return SCHEMES.findIndex((known) => known.toLowerCase() === scheme.toLowerCase());
}

/** The request that a value goes with; Digest signs it. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
}

/** What a scheme makes of a challenge. */
export type Reply =
  | {
      readonly kind: 'send';
      readonly authorization: Secret;
      /** Whether it was made from the secret. */
      readonly proves: boolean;
      /** Whether it only means anything on the connection that brought the challenge. */
      readonly sameConnection: boolean;
    }
  /** The proxy has seen the proof and asks again. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly error: CodedError };

/** One scheme in one conversation with one proxy. */
export interface Authenticator {
  readonly scheme: SchemeName;
  /** Whether the proxy takes the connection for authenticated afterwards, not the request. */
  readonly connectionBound: boolean;
  /** What to send before any challenge; null where the scheme needs one first. */
  begin(line: RequestLine): Promise<Reply | null>;
  /** The answer to a challenge of this scheme. */
  next(challenge: Challenge, line: RequestLine): Promise<Reply>;
  /** Takes a challenge that later requests answer by themselves, or says why it can't be answered. */
  prepare(challenge: Challenge): CodedError | null;
  /** The proof of one more request; null before a challenge, and where the connection carries it. */
  headerFor(line: RequestLine): Secret | null;
  /** The domain that the proxy named in its challenge. */
  advertised?(): string | null;
}

/** The mask over known secrets, as far as this room needs it. */
export interface SecretRegistry {
  /** `once` is a proof for one request or connection: only the latest of those are remembered. */
  add(secret: Secret, use?: 'once'): void;
}
