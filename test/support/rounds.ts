// How often a test repeats what chance decides. SALLYPORT_TEST_ROUNDS=10 multiplies each number by ten, for a long search.
// SALLYPORT_TEST_SEED=500 begins with this seed instead of 1, so that a search can continue where another one ended.

const FACTOR = Number(process.env['SALLYPORT_TEST_ROUNDS'] ?? 1);
/** The first seed of a search. */
export const FIRST_SEED = Number(process.env['SALLYPORT_TEST_SEED'] ?? 1);

/** The usual number of rounds, or more on request. */
export function rounds(usual: number): number {
  return Math.max(1, Math.round(usual * FACTOR));
}

/** A seed for each round: 1, 2, and so on, unless another first one is requested. */
export function seeds(usual: number): readonly number[] {
  return Array.from({ length: rounds(usual) }, (_none, at) => FIRST_SEED + at);
}
