import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort, untilAborted } from '#system/abort.ts';

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

describe('abort', () => {
  it('abort: onAbort acts once, at the abort, and leaves no listener', () => {
    const ender = new AbortController();
    const reasons: unknown[] = [];
    onAbort(ender.signal, () => reasons.push(ender.signal.reason));
    expect(reasons).toEqual([]);

    ender.abort('stop');
    ender.abort('again');
    expect(reasons).toEqual(['stop']);
    expect(listenersOf(ender.signal)).toBe(0);
  });

  it('abort: onAbort acts before it returns when the signal is already aborted', () => {
    const signal = AbortSignal.abort('stop');
    const reasons: unknown[] = [];
    const stopListening = onAbort(signal, () => reasons.push(signal.reason));
    expect(reasons).toEqual(['stop']);

    stopListening();
    expect(reasons).toEqual(['stop']);
    expect(listenersOf(signal)).toBe(0);
  });

  it('abort: a listener that was ended is removed and never called', () => {
    const ender = new AbortController();
    const log: string[] = [];
    const stopListening = onAbort(ender.signal, () => log.push('acted'));
    stopListening();
    stopListening();
    expect(listenersOf(ender.signal)).toBe(0);

    ender.abort();
    expect(log).toEqual([]);
  });

  it('abort: a listener that another one ends during the abort does not act', () => {
    const ender = new AbortController();
    const log: string[] = [];
    onAbort(ender.signal, () => {
      log.push('first');
      stopSecond();
    });
    const stopSecond = onAbort(ender.signal, () => log.push('second'));

    ender.abort();
    expect(log).toEqual(['first']);
  });

  it('abort: two listeners with the same function both act, and each is ended alone', () => {
    const ender = new AbortController();
    let acted = 0;
    const act = () => {
      acted += 1;
    };
    const stopFirst = onAbort(ender.signal, act);
    onAbort(ender.signal, act);
    onAbort(ender.signal, act);
    stopFirst();

    ender.abort();
    expect(acted).toBe(2);
  });

  it('abort: untilAborted resolves at the abort, or at once after it', async () => {
    const ender = new AbortController();
    let resolved = false;
    const waiting = untilAborted(ender.signal).then(() => {
      resolved = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(resolved).toBe(false);

    ender.abort();
    await waiting;
    await untilAborted(ender.signal);
    expect(listenersOf(ender.signal)).toBe(0);
  });
});
