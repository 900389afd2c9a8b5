// Tokens and headers of the updates belong to the origin that they were entered for, as passwords belong to their proxy: an
// edit of the feed's URL does not take them to another server. The ledger of credentials keeps which origin that is.
//
// Guarantees: a secret that was entered for another origin is not sent; one that is unknown belongs to the first origin that
// it is set with. It leaves when it is entered again (a new value, or its file written anew) or when an admin allows it.

import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import type { Ledger } from '#proxy/auth/ledger.ts';
import type { Secret } from '#redaction/secret.ts';
import { feedUrl } from './request.ts';

/** What the bindings of tokens are kept by. */
type Bindings = Pick<Ledger, 'introduce' | 'boundElsewhere' | 'flush'>;

export class TokenBindings {
  readonly #ledger: Bindings;

  constructor(ledger: Bindings) {
    this.#ledger = ledger;
  }

  /** Binds what these settings have to the origin of their feed, unless it is known to belong elsewhere. */
  introduce(settings: Settings, isTried = false): void {
    if (settings.updates.feed_url === undefined) return;
    const proxyUrl = feedUrl(settings).origin;
    const introduced = secretsOf(settings).map(({ secret }) => ({
      secret: textOf(secret),
      revision: secret.revision,
      proxyUrl,
    }));
    this.#ledger.introduce(introduced, isTried);
    if (!isTried) void this.#ledger.flush();
  }

  /** @throws CodedError TOKEN-REBIND where one of them was entered for another origin */
  check(settings: Settings): void {
    const { origin, host } = feedUrl(settings);
    for (const { key, secret } of secretsOf(settings)) {
      const bound = this.#ledger.boundElsewhere(textOf(secret), origin);
      if (bound !== null) throw coded('TOKEN-REBIND', { key, bound, origin, hop: host });
    }
  }
}

function secretsOf({ updates }: Settings): { readonly key: string; readonly secret: Secret }[] {
  const headers = Object.entries(updates.headers).map(([name, secret]) => ({ key: `updates.headers.${name}`, secret }));
  const { bearer_token: token } = updates;
  return token === undefined ? headers : [...headers, { key: 'updates.bearer_token', secret: token }];
}

/** A token with the value of a password is another secret than that. */
function textOf(secret: Secret): string {
  return JSON.stringify(['token', secret.reveal()]);
}
