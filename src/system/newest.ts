// A Map and a Set that keep only the newest entries, so that names from outside (hosts, proxies, keys) cannot fill the
// memory.
//
// Guarantees: never more entries than the limit; iteration is from the oldest to the newest. Writing an entry makes it
// the newest; reading does not, unlike in an LRU cache. Some of these collections are saved in order, and a status or
// diagnosis that reads an entry must not change what is kept.

/** A Map that drops its oldest entry when it would hold more than `limit`. */
export class NewestMap<K, V> extends Map<K, V> {
  readonly #limit: number;
  readonly #onDrop: (value: V) => void;

  constructor(limit: number, onDrop: (value: V) => void = () => undefined) {
    super();
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    for (const [oldest, dropped] of this) {
      if (this.size <= this.#limit) break;
      this.delete(oldest);
      this.#onDrop(dropped);
    }
    return this;
  }
}

/** A Set that drops its oldest value when it would hold more than `limit`. */
export class NewestSet<T> extends Set<T> {
  readonly #limit: number;
  readonly #onDrop: (value: T) => void;

  constructor(limit: number, onDrop: (value: T) => void = () => undefined) {
    super();
    this.#limit = limit;
    this.#onDrop = onDrop;
  }

  override add(value: T): this {
    this.delete(value);
    super.add(value);
    for (const oldest of this) {
      if (this.size <= this.#limit) break;
      this.delete(oldest);
      this.#onDrop(oldest);
    }
    return this;
  }
}
