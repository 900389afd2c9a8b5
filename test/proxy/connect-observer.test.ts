import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { ConnectObserver, type ObservedStep } from '#proxy/connect-observer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const hop = 'proxy corp (127.0.0.1:1)';

function watched() {
  const seen: ObservedStep[] = [];
  const clock = new FakeClock();
  return { seen, clock, observer: new ConnectObserver(clock, (step) => seen.push(step)) };
}

describe('connect steps', () => {
  it('are reported as they end, with time and facts', async () => {
    const { seen, clock, observer } = watched();
    const work = () => {
      clock.advance(40);
      return Promise.resolve('127.0.0.1');
    };
    await observer.run('dial', work, (address) => ({ address }));
    expect(seen).toEqual([{ phase: 'dial', elapsedMs: 40, facts: { address: '127.0.0.1' }, error: null }]);
    expect(observer.passed).toEqual(['dial']);
  });

  it('are listed in a failure up to where it happened', async () => {
    const { seen, clock, observer } = watched();
    observer.passedBy('resolve', 3, {});
    await observer.run('dial', () => Promise.resolve());
    const error = coded('TUNNEL-CLOSED', { proxy: 'corp', asked: 'CONNECT', target: 't', reason: 'x', hop });
    const failing = observer.run('tunnel', () => {
      clock.advance(7);
      return Promise.reject(error);
    });
    await expect(failing).rejects.toBe(error);
    expect(error.trace).toEqual({ phase: 'tunnel', elapsedMs: 7, proven: ['resolve', 'dial'] });
    expect(seen.at(-1)).toMatchObject({ phase: 'tunnel', error });
  });

  it.each([
    ['dial', coded('DNS-PROXY', { host: 'p', reason: 'ENOTFOUND', servers: [], proxy: 'corp', hop }), 'resolve'],
    ['tunnel', coded('AUTH-REQUIRED', { proxy: 'corp', offered: [], realm: null, hop }), 'authentication'],
  ] as const)('a failure of %s says which half of it failed', async (phase, error, half) => {
    const { observer } = watched();
    await expect(observer.run(phase, () => Promise.reject(error))).rejects.toBe(error);
    expect(error.trace?.phase).toBe(half);
  });

  it('a connect observer: an error that is not a coded failure is unchanged', async () => {
    const { observer, seen } = watched();
    const reason = new Error('stop');
    await expect(observer.run('dial', () => Promise.reject(reason))).rejects.toBe(reason);
    expect(seen).toEqual([]);
  });
});
