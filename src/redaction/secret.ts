// A secret that cannot be printed by accident (principle 8): it appears as `***` in text, JSON, templates and
// inspection. Only `reveal()` returns the value, and is called only where the value is sent.

import { inspect } from 'node:util';

export const MASK = '***';

/** A password, token or key. */
export class Secret {
  readonly #value: string;
  /** Changes when the file of the secret is rewritten; null when the secret is not in a file. */
  readonly revision: string | null;

  constructor(value: string, revision: string | null = null) {
    this.#value = value;
    this.revision = revision;
  }

  /** The value itself, only for sending it. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both values are equal, without revealing either. */
  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
