// The interface between an authentication scheme and the code that exchanges messages with a proxy. A scheme makes the
// values of Proxy-Authorization.
//
// It has no socket, no credential guard and no clock. For each value it says whether any part was made from the secret.
// Such a value may be sent only once, after the credential guard has recorded it.

import type { CodedError } from '#errors/coded-error.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Challenge } from './challenge.ts';

/** The schemes, from the weakest to the strongest. */
export const SCHEMES = ['Basic', 'Digest', 'NTLM', 'Negotiate'] as const;
export type SchemeName = (typeof SCHEMES)[number];

/** The values of `authentication` in a profile. */
export type Authentication = 'transparent' | 'basic' | 'digest' | 'ntlm' | 'negotiate' | 'auto';

/** The scheme that a profile names; null when it names none or leaves the choice open. */
export function namedScheme(authentication: Authentication): SchemeName | null {
  return SCHEMES.find((scheme) => scheme.toLowerCase() === authentication) ?? null;
}

/** Higher is stronger; -1 for an unsupported scheme. */
export function schemeStrength(scheme: string): number {
  return SCHEMES.findIndex((known) => known.toLowerCase() === scheme.toLowerCase());
}

/** The request that a value is for; Digest signs it. */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
}

/** The response of a scheme to a challenge. */
export type Reply =
  | {
      readonly kind: 'send';
      readonly authorization: Secret;
      /** Whether the value was made from the secret. */
      readonly proves: boolean;
      /** Whether the value is valid only on the connection that the challenge came on. */
      readonly sameConnection: boolean;
    }
  /** The proxy received the proof and sent another challenge. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly error: CodedError };

/** One scheme in one session with one proxy. */
export interface Authenticator {
  readonly scheme: SchemeName;
  /** Whether the proxy then authenticates the connection rather than the request. */
  readonly connectionBound: boolean;
  /** The value to send before any challenge; null if the scheme needs a challenge first. */
  begin(line: RequestLine): Promise<Reply | null>;
  /** The answer to a challenge of this scheme. */
  next(challenge: Challenge, line: RequestLine): Promise<Reply>;
  /** Stores a challenge that later requests answer by themselves, or returns why it cannot be answered. */
  prepare(challenge: Challenge): CodedError | null;
  /** The proof for one more request; null before a challenge, and for connection-bound schemes. */
  headerFor(line: RequestLine): Secret | null;
  /** The domain that the proxy named in its challenge. */
  advertised?(): string | null;
}

/** Registers secrets for masking. */
export interface SecretRegistry {
  /** `once` is a proof for one request or connection: only the most recent of those are remembered. */
  add(secret: Secret, use?: 'once'): void;
}
