import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { LastResort } from '#system/process/last-resort.ts';

/** A last resort with a limit of 20 ms; resolves with its message and its end. */
async function forced(
  resources: readonly string[],
  running: readonly (readonly string[])[],
): Promise<{ words: CodedError[]; ended: readonly string[] }> {
  const words: CodedError[] = [];
  const ended = new EventTarget();
  let alive: readonly string[] = [];
  const lastResort = new LastResort({
    limitMs: 20,
    resources: () => resources,
    end: (left) => {
      alive = left;
      ended.dispatchEvent(new Event('end'));
    },
  });
  for (const works of running) {
    lastResort.register({ running: () => works, onForcedEnd: (error) => void words.push(error) });
  }
  const over = once(ended, 'end');
  lastResort.arm();
  lastResort.arm();
  await over;
  return { words, ended: alive };
}

// Its timer keeps no process alive, not even this one, so the test runner's timer does.
describe('the last resort', () => {
  it('last resort: every listener gets STOP-FORCED with the running work before the end', async () => {
    const { words, ended } = await forced(['TCPSocketWrap'], [['a round', 'the download of update ID 1'], []]);

    expect(words.map(({ message }) => message)).toEqual(
      Array(2).fill(
        '[STOP-FORCED] Stopping took longer than 20 ms, so Sallyport was stopped by force. ' +
          'Still running: a round, the download of update ID 1.',
      ),
    );
    expect(ended).toEqual(['TCPSocketWrap']);
  });

  it('last resort: without known work it names what keeps the process alive', async () => {
    const resources = ['TCPSocketWrap', 'TCPSocketWrap', 'FSReqPromise', 'GetAddrInfoReqWrap', 'Novelty'];
    const { words } = await forced(resources, [[]]);

    expect(words[0]?.message).toContain(
      'Still running: an open connection, a file operation, a name lookup, an unnamed resource.',
    );
  });

  it('last resort: the process ends even if a listener fails', async () => {
    const ended = new EventTarget();
    const over = once(ended, 'end');
    const lastResort = new LastResort({
      limitMs: 1,
      resources: () => [],
      end: () => void ended.dispatchEvent(new Event('end')),
    });
    lastResort.register({
      running: () => {
        throw new Error('x');
      },
      onForcedEnd: () => undefined,
    });
    lastResort.arm();
    await over;
  });

  it('last resort: a removed listener is not called', async () => {
    const words: unknown[] = [];
    const ended = new EventTarget();
    const over = once(ended, 'end');
    const lastResort = new LastResort({
      limitMs: 1,
      resources: () => [],
      end: () => void ended.dispatchEvent(new Event('end')),
    });
    lastResort.register({ running: () => ['x'], onForcedEnd: (error) => void words.push(error) })();
    lastResort.arm();
    await over;

    expect(words).toEqual([]);
  });
});
