// The Basic credential of a profile (RFC 7617): what it is called in messages, and what goes to the wire.
//
// Guarantees: UTF-8, a domain stands before the user as DOMAIN\user; the composite is registered with the masks before
// anybody can hold it, so that even its base64 is never printed. Relies on the config room for what may be in a user.

import type { ProxyProfile } from '#proxy/choice.ts';
import { Secret } from '#redaction/secret.ts';

/** What this process may show to one proxy. */
export interface Credential {
  /** The scheme's name, for failures. */
  readonly scheme: 'Basic';
  /** `CORP\svc_update`: shown in failures. */
  readonly user: string;
  /** The value of Proxy-Authorization. */
  readonly authorization: Secret;
}

/** The mask over known secrets, as far as this room needs it. */
export interface SecretRegistry {
  add(secret: Secret): void;
}

/** The credential of a profile; null when its authentication is transparent. */
export function credentialOf(profile: ProxyProfile, known: SecretRegistry): Credential | null {
  if (profile.authentication === 'transparent') return null;
  const { domain = '', user: name = '' } = profile;
  const user = domain === '' ? name : `${domain}\\${name}`;
  const composite = new Secret(`${user}:${profile.password?.reveal() ?? ''}`);
  known.add(composite);
  const encoded = Buffer.from(composite.reveal(), 'utf8').toString('base64');
  return { scheme: 'Basic', user, authorization: new Secret(`Basic ${encoded}`) };
}
