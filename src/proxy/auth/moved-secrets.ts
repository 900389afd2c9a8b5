// Lists the passwords that are now configured for another proxy than those for which they were entered (moved secrets).
// Each is listed with its new proxy. An admin may allow each of these moves once. Pure.
//
// Guarantees: when the active settings change, the earlier moves are forgotten, so that an address that is no longer
// configured cannot be allowed. When the same settings are read again, the moves are kept, because this can happen
// between the refusal of a move and the request that allows it. Only fingerprints are stored.

import { NewestMap, NewestSet } from '#system/newest.ts';

/** A configuration has at most 64 profiles; the others come from settings that were only tried. */
const MAX_MOVED = 256;

/** A secret and the proxy that it would move to. */
export function moveOf(fingerprint: string, proxyUrl: string): string {
  return `${fingerprint} ${proxyUrl}`;
}

export class MovedSecrets {
  readonly #moves = new NewestSet<string>(MAX_MOVED);
  /** How active settings last used each secret. */
  readonly #active = new NewestMap<string, string>(MAX_MOVED);

  /** Every move, as `moveOf` writes it. */
  get all(): Iterable<string> {
    return this.#moves;
  }

  /** Active settings use a secret in this way. */
  activate(fingerprint: string, use: { readonly revision: string | null; readonly proxies: readonly string[] }): void {
    const now = JSON.stringify([use.revision, use.proxies]);
    if (this.#active.get(fingerprint) === now) return;
    this.#active.set(fingerprint, now);
    for (const move of this.#moves) if (move.startsWith(moveOf(fingerprint, ''))) this.#moves.delete(move);
  }

  note(fingerprint: string, proxyUrls: readonly string[]): void {
    for (const proxyUrl of proxyUrls) this.#moves.add(moveOf(fingerprint, proxyUrl));
  }

  delete(fingerprint: string, proxyUrl: string): void {
    this.#moves.delete(moveOf(fingerprint, proxyUrl));
  }
}
