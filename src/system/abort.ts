// Listens to an AbortSignal. This is the only file that adds a listener for `abort`.
//
// Guarantees: a signal that is already aborted is not missed, and a listener that was removed is never called.
// `events.addAbortListener` does not guarantee the latter: for an aborted signal it calls back in a microtask that
// cannot be cancelled.

/**
 * Calls `act` once, when the signal is aborted. If it already is, `act` runs before this function returns, so `act`
 * must not use the result.
 * @returns a function that removes the listener; calling it again, or after the abort, does nothing
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act();
    return () => undefined;
  }
  // A function for each call: a signal keeps the same listener only once.
  const listener = () => act();
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

/** Resolves when the signal is aborted. Its listener stays until then: only for work that ends with the signal. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}
