// Seeded random values in the alphabets of secrets.

import { createHash } from 'node:crypto';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

export class Draw {
  #state: Buffer;
  #at = 0;

  constructor(seed: Buffer) {
    this.#state = seed;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    if (this.#at + 4 > this.#state.length) {
      this.#state = createHash('sha256').update(this.#state).digest();
      this.#at = 0;
    }
    const drawn = this.#state.readUInt32BE(this.#at);
    this.#at += 4;
    return least + (drawn % (most - least + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)] as T;
  }

  text(length: number, alphabet: string): string {
    return Array.from({ length }, () => alphabet[this.whole(0, alphabet.length - 1)]).join('');
  }

  digits(length: number): string {
    return this.text(length, DIGITS);
  }

  hex(length: number): string {
    return this.text(length, '0123456789abcdef');
  }

  base62(length: number): string {
    return this.text(length, LETTERS + DIGITS);
  }

  base64(length: number): string {
    return this.text(length, `${LETTERS}${DIGITS}+/`);
  }

  base64url(length: number): string {
    return this.text(length, `${LETTERS}${DIGITS}-_`);
  }

  /** The alphabet of crypt(5). */
  base64hash(length: number): string {
    return this.text(length, `./${DIGITS}${LETTERS}`);
  }

  user(): string {
    return this.pick(['alice', 'bob', 'svc-backup', 'jdoe', 'admin', 'deploy', 'mueller', 'k.ito']);
  }

  host(): string {
    return this.pick(['db1.corp.example.com', 'proxy.example.net', 'intranet.example.org', 'files.bank.example']);
  }
}
