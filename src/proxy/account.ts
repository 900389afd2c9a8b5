// The account of a profile: user, domain and password.
//
// Guarantees: `CORP\svc`, and `svc` with the domain `CORP`, are the same account. Upper and lower case are the same as
// well. Attempts with each spelling are therefore counted together. Relies on the configuration schema to restrict the
// characters of a user.

import { Secret } from '#redaction/secret.ts';
import type { ProxyProfile } from './profile.ts';

export interface Account {
  /** Without the domain. */
  readonly user: string;
  readonly domain: string;
  /** For example `CORP\svc_update`, for failures. */
  readonly shown: string;
  /** The same for every spelling of the account. */
  readonly key: string;
  readonly password: Secret;
}

/** The account of a profile; null without a user. */
export function accountOf(profile: ProxyProfile): Account | null {
  const { domain: given = '', user: name = '', password } = profile;
  if (name === '' || profile.authentication === 'transparent') return null;
  // A ticket identifies us; no password is sent.
  if (profile.authentication === 'negotiate') return null;
  const backslash = given === '' ? name.indexOf('\\') : -1;
  const domain = backslash === -1 ? given : name.slice(0, backslash);
  const user = name.slice(backslash + 1);
  const shown = domain === '' ? user : `${domain}\\${user}`;
  return { user, domain, shown, key: shown.toLowerCase(), password: password ?? new Secret('') };
}
