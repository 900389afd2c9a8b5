// What every authentication scheme, such as Basic or Digest, needs to make its header values. Types only.

import type { Hop } from '#errors/hop.ts';
import type { Account } from '#proxy/account.ts';
import type { KerberosLoader } from './negotiate.ts';
import type { SecretRegistry } from './scheme.ts';

export interface AuthenticatorParts {
  readonly account: Account | null;
  readonly known: SecretRegistry;
  /** The proxy's name and the hop, for failures. */
  readonly proxy: string;
  readonly hop: Hop;
  readonly proxyUrl: string;
  readonly signal: AbortSignal;
  /** Loads the package `kerberos`; tests pass their own loader. */
  readonly loadKerberos?: KerberosLoader | undefined;
}
