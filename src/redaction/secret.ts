// A secret that can't be printed by accident (principle 8): it renders as `***` in text, JSON, templates and inspection.
// The value leaves it only by `reveal()`, which is called where bytes go to the wire and nowhere else.

import { inspect } from 'node:util';

export const MASK = '***';

/** A password, token or key. */
export class Secret {
  readonly #value: string;
  /** Changes when the file of the secret is written anew; null where it stands elsewhere. */
  readonly revision: string | null;

  constructor(value: string, revision: string | null = null) {
    this.#value = value;
    this.revision = revision;
  }

  /** The value itself, for the wire only. */
  reveal(): string {
    return this.#value;
  }

  /** Whether both are the same, without either being shown. */
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
