import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { boundedStep, type StepEnd } from '#proxy/bounded-step.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

function begin(options: { signal?: AbortSignal } = {}) {
  const clock = new FakeClock();
  const cleanUps: boolean[] = [];
  const ends: StepEnd<string>[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const late = (elapsed: number) => new Error(`late after ${elapsed}`);
  const step = boundedStep<string>({ clock, timeoutMs: 50, signal, late }, (end) => {
    ends.push(end);
    return (succeeded) => cleanUps.push(succeeded);
  });
  return { clock, cleanUps, ends, step };
}

describe('a bounded step', () => {
  it('ends with its value, without a timer left', async () => {
    const { clock, cleanUps, ends, step } = begin();
    ends[0]?.done('yes');
    ends[0]?.fail(new Error('too late to fail'));

    expect(await step).toBe('yes');
    expect(cleanUps).toEqual([true]);
    expect(clock.pending).toBe(0);
  });

  it('ends at its deadline and cleans up once', async () => {
    const { clock, cleanUps, ends, step } = begin();
    clock.advance(50);
    ends[0]?.done('too late');

    await expect(step).rejects.toThrow('late after 50');
    expect(cleanUps).toEqual([false]);
  });

  it('that throws at its start leaves neither a timer nor a listener', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const late = () => new Error('late');
    const step = boundedStep({ clock, timeoutMs: 50, signal, late }, () => {
      throw new TypeError('no such character in a header');
    });
    await expect(step).rejects.toThrow('no such character');
    expect([clock.pending, getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  it('ends at the abort with its reason', async () => {
    const controller = new AbortController();
    const { clock, cleanUps, step } = begin({ signal: controller.signal });
    controller.abort(new Error('stop'));

    await expect(step).rejects.toThrow('stop');
    expect([cleanUps, clock.pending]).toEqual([[false], 0]);
  });

  it('does not start when it was aborted before', async () => {
    const { clock, ends, step } = begin({ signal: AbortSignal.abort(new Error('stop')) });

    await expect(step).rejects.toThrow('stop');
    expect([ends.length, clock.pending]).toEqual([0, 0]);
  });

  it('cleans up also when it ends while it starts', async () => {
    const cleanUps: boolean[] = [];
    const bounds = {
      clock: new FakeClock(),
      timeoutMs: 50,
      signal: new AbortController().signal,
      late: () => new Error(),
    };
    const step = boundedStep<string>(bounds, ({ fail }) => {
      fail(new Error('at once'));
      return (succeeded) => cleanUps.push(succeeded);
    });

    await expect(step).rejects.toThrow('at once');
    expect(cleanUps).toEqual([false]);
  });
});
