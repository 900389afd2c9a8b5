// Remembers, in memory, whether the last TLS connection of each purpose was decrypted, and by which proxy.

import type { Purpose } from '#config/purposes.ts';
import type { InterceptionAuthority } from './interception.ts';

/** A CA is replaced in time if its end is known for a month. */
const EXPIRES_SOON_MS = 30 * 86_400_000;

/** A connection that a proxy decrypted, with permission. */
export interface Interception {
  /** The subject of the CA, in one line. */
  readonly by: string;
  /** Name of the proxy profile; null if the connection was direct. */
  readonly proxy: string | null;
  /** Wall time, ms since the epoch. */
  readonly atMs: number;
  /** Names of request headers that are not sent, in lower case. */
  readonly withheld: readonly string[];
}

/** What the settings of a purpose permit, and what its last connection showed. */
export interface PermittedInterception {
  /** The configuration key, and its file. */
  readonly key: string;
  readonly path: string;
  readonly authorities: readonly InterceptionAuthority[];
  readonly withheld: readonly string[];
  /** Null if the last connection was not decrypted, undefined if there was none. */
  readonly last: Interception | null | undefined;
}

export class Interceptions {
  readonly #last = new Map<Purpose, Interception | null>();

  /** Records the result of a connection. Returns whether it is news: another CA than that of the previous one. */
  note(purpose: Purpose, met: Interception | null): boolean {
    const isNews = met !== null && this.#last.get(purpose)?.by !== met.by;
    this.#last.set(purpose, met);
    return isNews;
  }

  /** The interception of the last connection; null if it was not decrypted, undefined if there was none. */
  of(purpose: Purpose): Interception | null | undefined {
    return this.#last.get(purpose);
  }
}

/** The CA that ends first, if it ends soon or has ended; null otherwise. */
export function expiringAuthority(
  permitted: readonly Pick<PermittedInterception, 'key' | 'authorities'>[],
  nowMs: number,
): { readonly authority: string; readonly key: string; readonly at: number } | null {
  const soon = permitted
    .flatMap(({ key, authorities }) =>
      authorities.map(({ name, expiresMs }) => ({ authority: name, key, at: expiresMs })),
    )
    .filter(({ at }) => at - nowMs < EXPIRES_SOON_MS)
    .toSorted((a, b) => a.at - b.at);
  return soon[0] ?? null;
}
