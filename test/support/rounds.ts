// How often a test repeats what chance decides. SALLYPORT_TEST_ROUNDS=10 multiplies each number by ten, for a long search.

const FACTOR = Number(process.env['SALLYPORT_TEST_ROUNDS'] ?? 1);

/** The usual number of rounds, or more on request. */
export function rounds(usual: number): number {
  return Math.max(1, Math.round(usual * FACTOR));
}
