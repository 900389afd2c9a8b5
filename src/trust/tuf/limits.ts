// Limits for the metadata that the client of signed feeds reads and keeps, and for the delegations that it follows.

import type { TufLimits } from './types.ts';

export const TUF_LIMITS: TufLimits = {
  /** A root with a hundred RSA keys has about 80 KB. */
  rootBytes: 512_000,
  /** A timestamp names one file. */
  timestampBytes: 16_384,
  /** About 30,000 roles. */
  snapshotBytes: 2_000_000,
  /** About 30,000 targets for each role. */
  targetsBytes: 5_000_000,
  /** The limit of an unsigned feed. */
  downloadBytes: 4_194_304,
  /** Twenty years of monthly rotations. */
  rootSteps: 256,
  /** A search that needs more roles is an attack or a mistake. */
  delegations: 32,
};

/** Nesting of arrays and objects. The documents of TUF need eight levels. */
export const MAX_JSON_DEPTH = 64;
/** Values and keys of one document. `JSON.parse` needs about 100 ms for a million. */
export const MAX_JSON_VALUES = 1_000_000;
/** Shortest RSA key that counts, in bits (TUF 4.2.2). */
export const MIN_RSA_BITS = 2_048;
