// The last resort comes after 300 ms instead of 9 s: what it is like, not how long it is, is what a test asks.

const { setTimeout: real } = globalThis;
const LIMIT_MS = 9_000;
const SOON_MS = 300;

globalThis.setTimeout = ((callback: () => void, ms?: number) =>
  real(callback, ms === LIMIT_MS ? SOON_MS : ms)) as typeof setTimeout;
