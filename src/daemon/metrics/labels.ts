// The values of labels: fixed lists, and names from the configuration. The length of each list is limited.
//
// Guarantees: text from outside never becomes a label, so no server, proxy or program can create series. Reloads of the
// configuration with ever new names cannot create series without end. Pure except for the memory of names.

/** The value for everything that is not in a list, or is beyond its limit. */
export const OTHER = 'other';
/** The value of `proxy` for a connection without one. */
export const DIRECT = 'direct';

/** Accepts at most `max` different values; later ones become `other`. */
export class BoundedLabel {
  readonly #max: number;
  readonly #known = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#max) return OTHER;
    this.#known.add(value);
    return value;
  }
}

/** Maximum number of proxies that have series of their own. */
const MAX_PROXIES = 20;

/** Names of proxy profiles. A name that is not in the configuration becomes `other`. */
export class ProxyLabel {
  readonly #configured: () => readonly { readonly name: string }[];
  readonly #bounded = new BoundedLabel(MAX_PROXIES);

  constructor(configured: () => readonly { readonly name: string }[]) {
    this.#configured = configured;
  }

  /** `null` is a direct connection. */
  of(name: unknown): string {
    if (name === null) return DIRECT;
    const profile = this.#configured().find((one) => one.name === name);
    return profile === undefined ? OTHER : this.#bounded.of(profile.name);
  }
}
