// The serial of a feed never goes back, no single feed can use up the rest of it, and an admin can have it forgotten.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { MAX_FIRST_SERIAL, MAX_SERIAL_STEP } from '#updates/feed/unsigned-rules.ts';

const NEVER = new AbortController().signal;

let origin: ScriptedOrigin;
let composed: Composed;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  composed = await composeIn({ updates: { feed_url: `${origin.url}/feed.json` }, retry: { attempts: 1 } });
});
afterEach(async () => {
  await composed.remove();
  await origin.close();
});

/** The result of a check of a feed with this serial: the code of its failure, or null. */
async function checked(serial: number): Promise<string | null> {
  origin.serve('/feed.json', feedOf([], { serial }), 'application/json');
  const { failure } = await composed.agent.check(() => undefined, NEVER);
  return failure?.code ?? null;
}

describe('feed serial: a serial', () => {
  it('leaves space for later ones, at the first check and at each step', async () => {
    expect(await checked(Number.MAX_SAFE_INTEGER)).toBe('FEED-SERIAL');
    expect(await checked(MAX_FIRST_SERIAL + 1)).toBe('FEED-SERIAL');
    expect(await checked(42)).toBeNull();
    expect(await checked(43 + MAX_SERIAL_STEP)).toBe('FEED-SERIAL');
    expect(await checked(42 + MAX_SERIAL_STEP)).toBeNull();
    expect(await checked(42)).toBe('FEED-ROLLBACK');
    expect(await checked(43 + MAX_SERIAL_STEP)).toBeNull();
  });

  it.each([
    ['a date as a number', 20_261_129_175_500, 20_270_101_000_000],
    ['milliseconds, a year later', 1_795_973_000_000, 1_827_509_000_000],
  ])('may be %s', async (_what, before, after) => {
    expect(await checked(before)).toBeNull();
    expect(await checked(after)).toBeNull();
  });

  it('is forgotten on request of an admin, and then any is accepted', async () => {
    await checked(5_000);
    expect(await checked(1)).toBe('FEED-ROLLBACK');

    expect(await composed.agent.forgetSerial()).toEqual({ feed: `${origin.url}/feed.json`, serial: 5_000 });

    expect(await checked(1)).toBeNull();
    await composed.agent.forgetSerial();
    expect(await composed.agent.forgetSerial()).toMatchObject({ serial: null });
  });
});
