// Makes activation keys: four groups of four letters and digits, without characters that look alike (I, O, 0, 1).

import { randomBytes } from 'node:crypto';
import { digestOfKey } from './license-book.ts';

/** What every key of a batch allows. */
export interface KeyTerms {
  readonly count: number;
  /** When the keys and their licenses end; RFC 3339. */
  readonly expires: string;
  readonly features: readonly string[];
}

export interface NewKey {
  /** For the customer; not stored anywhere. */
  readonly text: string;
  /** For the server. */
  readonly key: { readonly id: string; readonly sha256: string; readonly expires: string; readonly features: string[] };
}

/** 32 characters, so that 16 of them have 80 bits. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 16;

export function makeKeys({ count, expires, features }: KeyTerms): readonly NewKey[] {
  return Array.from({ length: count }, () => {
    const text = [...randomBytes(LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
    const groups = text.match(/.{4}/g)?.join('-') ?? '';
    const id = `L-${randomBytes(5).toString('hex')}`;
    return { text: groups, key: { id, sha256: digestOfKey(text), expires, features: [...features] } };
  });
}
