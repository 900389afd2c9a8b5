// A secret that can't be printed by accident (law 8): it renders as `***` in text, JSON, templates and inspection.
// The value leaves it only by `reveal()`, which is called where bytes go to the wire and nowhere else.

import { inspect } from 'node:util';

export const MASK = '***';

/** A password, token or key. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the wire only. */
  reveal(): string {
    return this.#value;
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
