// The clock and the timers of the page. No other page code uses timers, so that tests can find every wait.

/** Milliseconds since the epoch, by the clock of the browser. */
export function browserTime(): number {
  return Date.now();
}

/** Calls `action` after this time. Returns a function that cancels it. */
export function runLater(ms: number, action: () => void): () => void {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
}

/** Calls `action` again and again. Returns a function that ends it. */
export function repeat(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  return () => clearInterval(timer);
}
