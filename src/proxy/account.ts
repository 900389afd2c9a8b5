// Who we are to a proxy: user, domain and password of a profile, told apart and named.
//
// Guarantees: `CORP\svc` in the user and `CORP` beside `svc` are one account, whatever the case, so that both count as
// one where attempts are counted. Relies on the config room for what may be in a user.

import { Secret } from '#redaction/secret.ts';
import type { ProxyProfile } from './profile.ts';

export interface Account {
  /** Without domain. */
  readonly user: string;
  readonly domain: string;
  /** `CORP\svc_update`: shown in failures. */
  readonly shown: string;
  /** The same for every spelling of the account. */
  readonly key: string;
  readonly password: Secret;
}

/** The account of a profile; null without a user. */
export function accountOf(profile: ProxyProfile): Account | null {
  const { domain: given = '', user: name = '', password } = profile;
  if (name === '' || profile.authentication === 'transparent') return null;
  // A ticket says who we are; no password is shown.
  if (profile.authentication === 'negotiate') return null;
  const backslash = given === '' ? name.indexOf('\\') : -1;
  const domain = backslash === -1 ? given : name.slice(0, backslash);
  const user = name.slice(backslash + 1);
  const shown = domain === '' ? user : `${domain}\\${user}`;
  return { user, domain, shown, key: shown.toLowerCase(), password: password ?? new Secret('') };
}
