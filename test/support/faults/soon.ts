// Loaded before the program by tests: a stop is forced after 300 ms instead of 9 s. Tests check what it does, not how
// long it takes.

const { setTimeout: real } = globalThis;
const LIMIT_MS = 9_000;
const SOON_MS = 300;

globalThis.setTimeout = ((callback: () => void, ms?: number) =>
  real(callback, ms === LIMIT_MS ? SOON_MS : ms)) as typeof setTimeout;
