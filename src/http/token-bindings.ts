// Binds each token and header to the origin of the URL for which it was entered. If the URL is changed to another
// server, it is not sent there. The credential guard stores the bindings; it binds passwords to their proxy in the same
// way.
//
// Guarantees: a secret that was entered for another origin is not sent. A new secret is bound to the first origin that
// it is configured with. The binding ends when the secret is entered again (a new value, or its file rewritten) or when
// an admin allows it. The same value in two purposes counts as two secrets.

import { urlOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose, purposeRow } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import type { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { Secret } from '#redaction/secret.ts';

/** The part of the credential guard that keeps the bindings of tokens. */
type Bindings = Pick<CredentialGuard, 'bindSecrets' | 'boundElsewhere' | 'flush'>;

export class TokenBindings {
  readonly #credentialGuard: Bindings;

  constructor(credentialGuard: Bindings) {
    this.#credentialGuard = credentialGuard;
  }

  /**
   * Binds the secrets of these settings to the origins of their purposes, unless they are known to belong elsewhere.
   */
  bindSecrets(settings: Settings, isTried = false): void {
    const enteredSecrets = PURPOSES.flatMap((purpose) => {
      const url = urlOf(settings, purpose);
      if (url === undefined) return [];
      const proxyUrl = new URL(url).origin;
      return secretsOf(settings, purpose).map(({ secret }) => ({
        secret: textOf(secret, purpose),
        revision: secret.revision,
        proxyUrl,
      }));
    });
    this.#credentialGuard.bindSecrets(enteredSecrets, isTried);
    if (!isTried && enteredSecrets.length > 0) void this.#credentialGuard.flush();
  }

  /** @throws CodedError TOKEN-REBIND if one of them was entered for another origin */
  check(settings: Settings, purpose: Purpose): void {
    const url = urlOf(settings, purpose);
    if (url === undefined) return;
    const { origin, host } = new URL(url);
    for (const { key, secret } of secretsOf(settings, purpose)) {
      const bound = this.#credentialGuard.boundElsewhere(textOf(secret, purpose), origin);
      if (bound !== null) throw coded('TOKEN-REBIND', { key, bound, origin, hop: originAt(host) });
    }
  }
}

function secretsOf(settings: Settings, purpose: Purpose): { readonly key: string; readonly secret: Secret }[] {
  const { headers, bearer_token: token } = settings[purpose];
  const named = Object.entries(headers).map(([name, secret]) => ({ key: `${purpose}.headers.${name}`, secret }));
  return token === undefined ? named : [...named, { key: `${purpose}.bearer_token`, secret: token }];
}

/** A token with the value of a password, or of a token of another purpose, is a separate secret. */
function textOf(secret: Secret, purpose: Purpose): string {
  const name = purposeRow(purpose).hasUnnamedTokens ? [] : [purpose];
  return JSON.stringify(['token', ...name, secret.reveal()]);
}
