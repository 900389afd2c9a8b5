import { describe, expect, it } from 'vitest';
import type { Credential } from '#proxy/auth/basic.ts';
import { Ledger } from '#proxy/auth/ledger.ts';
import { Secret } from '#redaction/secret.ts';

const PROXY = 'http://proxy.example.com:3128';
const never = new AbortController().signal;

function credential(value: string): Credential {
  return { scheme: 'Basic', user: 'svc', authorization: new Secret(value) };
}

/** Whether a promise has settled after everything that could happen has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('the ledger of credentials', () => {
  it('does not let a rejected credential go to the same proxy again until it changes', async () => {
    const ledger = new Ledger();
    (await ledger.admit(PROXY, credential('old'), never))?.rejected();

    expect(await ledger.admit(PROXY, credential('old'), never)).toBeNull();
    expect(await ledger.admit(PROXY, credential('new'), never)).not.toBeNull();
    expect(await ledger.admit('http://other:1', credential('old'), never)).not.toBeNull();
  });

  it('lets one first attempt out, and the others wait for its verdict', async () => {
    const ledger = new Ledger();
    const first = await ledger.admit(PROXY, credential('x'), never);
    const others = [1, 2, 3].map(() => ledger.admit(PROXY, credential('x'), never));
    expect(await settled(Promise.race(others))).toBe(false);

    first?.rejected();

    expect(await Promise.all(others)).toEqual([null, null, null]);
  });

  it('lets all go side by side once it has worked', async () => {
    const ledger = new Ledger();
    (await ledger.admit(PROXY, credential('x'), never))?.accepted();

    const both = await Promise.all([1, 2].map(() => ledger.admit(PROXY, credential('x'), never)));

    expect(both.every((attempt) => attempt !== null)).toBe(true);
  });

  it('lets the next one try when the first never learnt anything', async () => {
    const ledger = new Ledger();
    const first = await ledger.admit(PROXY, credential('x'), never);
    const second = ledger.admit(PROXY, credential('x'), never);
    const third = ledger.admit(PROXY, credential('x'), never);

    first?.unknown();

    expect(await second).not.toBeNull();
    expect(await settled(third)).toBe(false);
    (await second)?.accepted();
    expect(await third).not.toBeNull();
  });

  it('counts the first verdict of an attempt, and a rejection outlives a late success', async () => {
    const ledger = new Ledger();
    (await ledger.admit(PROXY, credential('x'), never))?.accepted();
    const slow = await ledger.admit(PROXY, credential('x'), never);
    const quick = await ledger.admit(PROXY, credential('x'), never);
    quick?.rejected();
    quick?.accepted();
    slow?.accepted();

    expect(await ledger.admit(PROXY, credential('x'), never)).toBeNull();
  });

  it('ends a wait with the abort, at once', async () => {
    const ledger = new Ledger();
    await ledger.admit(PROXY, credential('x'), never);
    const controller = new AbortController();
    const waiting = ledger.admit(PROXY, credential('x'), controller.signal);
    controller.abort(new Error('stop'));

    await expect(waiting).rejects.toThrow('stop');
    await expect(ledger.admit(PROXY, credential('x'), controller.signal)).rejects.toThrow('stop');
  });
});
