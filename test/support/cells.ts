/**
 * The cells of the matrix. Each has a request, the credentials, and the expected result if a proxy requires a password.
 * They are the same for every proxy.
 */
import type { Authentication } from '#proxy/auth/schemes/scheme.ts';
import { SAMBA_USER } from './samba.ts';
import { PROTOCOLS, type Protocol } from './targets.ts';
import type { profile } from './test-router.ts';

type Scheme = 'http' | 'https';
export type Credentials = 'right' | 'wrong' | 'missing';

export interface Cell {
  readonly scheme: Scheme;
  readonly authentication: Authentication;
  readonly credentials: Credentials;
  readonly protocol: Protocol;
}

/** What the origin says, or the code of the failure; and the lines of the proxy's log. */
export interface Expected {
  readonly result: string;
  readonly log: readonly string[];
}

export function cells(
  authentications: readonly Authentication[],
  credentials: readonly Credentials[],
  schemes: readonly Scheme[] = ['http', 'https'],
): Cell[] {
  return schemes.flatMap((scheme) =>
    authentications.flatMap((authentication) =>
      credentials.flatMap((one) =>
        PROTOCOLS.map((protocol) => ({ scheme, authentication, credentials: one, protocol })),
      ),
    ),
  );
}

/** The account of a cell; undefined if it has no password. */
export function account({ authentication, credentials }: Cell): Parameters<typeof profile>[1] {
  if (authentication === 'transparent' || authentication === 'negotiate') return undefined;
  if (credentials === 'wrong') return { ...SAMBA_USER, password: 'wrong', authentication };
  // The files of Basic and Digest know the user without a domain.
  const domain = authentication === 'basic' || authentication === 'digest' ? '' : SAMBA_USER.domain;
  return { ...SAMBA_USER, domain, authentication };
}

/** Challenges that a scheme needs before its proof; auto first asks without a user. */
const CHALLENGES: Partial<Record<Authentication, number>> = { basic: 0, digest: 1, ntlm: 1, auto: 2 };

export function withPassword({ authentication, credentials, protocol }: Cell): Expected {
  const challenges = CHALLENGES[authentication] ?? 0;
  const asking = protocol === 'http' ? 'HEAD' : 'CONNECT';
  const working = protocol === 'http' ? 'GET' : 'CONNECT';
  const bound = authentication === 'ntlm' || authentication === 'auto';
  const who = bound ? 'CORP\\nobody' : 'nobody';
  const asked = Array.from({ length: challenges }, () => `407 ${asking}`);
  if (credentials === 'wrong') {
    return { result: 'AUTH-REJECTED', log: [...asked, `407 ${bound ? asking : working}`] };
  }
  const proven = protocol === 'http' && bound ? [`200 HEAD ${who}`] : [];
  return { result: 'passed', log: [...asked, ...proven, `200 ${working} ${who}`] };
}

/** Status, method and who; whom a refused request claimed to be is left out. */
export function shortened(line: string): string {
  const [status = '', method = '', , who = ''] = line.split(' ');
  return status === '407' ? `${status} ${method}` : `${status} ${method} ${decodeURIComponent(who)}`;
}
