import { describe, expect, it } from 'vitest';
import { beginSlot, endCheck, type FreezeState } from '#daemon/schedule/freeze-detector.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';

const hop = 'updates.example.com:443';
const CUT = coded('CONNECTION-LOST', { received: 9, expected: 99, reason: 'it was cut off', hop });
const DRIPS = coded('DOCUMENT-TIMEOUT', { url: 'https://updates.example.com/feed.json', limit: 900_000, hop });
const PAGE = coded('FEED-NOT-JSON', { type: 'text/html', bytes: 9, title: 'x', hop });
const MUTE = coded('RESPONSE-TIMEOUT', {
  received: 0,
  expected: null,
  elapsed: 30_000,
  limit: 30_000,
  key: 'response_timeout.base_ms',
  seen: 'x',
  advice: 'x',
  hop,
});
const DENIED = coded('POLICY-DIRECT', { target: 'x', why: 'x', rule: 'x', remedy: 'x', otherwise: 'x' });

/** The slots of a schedule, each with its attempts: how many suspicions were reported, and the last state. */
function slots(...all: (readonly (CodedError | null)[])[]): { suspected: number; starved: FreezeState | undefined } {
  let starved: FreezeState | undefined;
  let suspected = 0;
  for (const tries of all) {
    starved = beginSlot(starved);
    for (const error of tries) {
      const seen = endCheck(starved, { error, connected: true });
      starved = seen.starved;
      if (seen.suspect) suspected += 1;
    }
  }
  return { suspected, starved };
}

describe('slots without a complete feed', () => {
  it.each([
    ['cut off', CUT],
    ['dripped', DRIPS],
    ['a page in its place', PAGE],
  ])('raise a suspicion if bytes arrived: %s', (_what, error) => {
    expect(slots([error], [error])).toMatchObject({ suspected: 0 });
    expect(slots([error], [error], [error])).toMatchObject({ suspected: 1 });
  });

  it('are reported at each further slot, and each counts once', () => {
    expect(slots([CUT, CUT, CUT, CUT], [CUT, CUT])).toMatchObject({ suspected: 0, starved: { slots: 2 } });
    expect(slots([CUT], [CUT], [CUT, CUT], [CUT])).toMatchObject({ suspected: 2 });
  });

  it('are forgotten after a complete feed, even an unchanged one', () => {
    expect(slots([CUT], [CUT, null], [CUT], [CUT])).toMatchObject({ suspected: 0 });
    expect(slots([CUT], [CUT], [null])).toEqual({ suspected: 0, starved: undefined });
  });

  it.each([
    ['said nothing at all', MUTE],
    ['refused', DENIED],
  ])('raise no suspicion if the server or route %s', (_what, error) => {
    expect(slots([error], [error], [error], [error])).toEqual({ suspected: 0, starved: undefined });
  });

  it('are ignored if nothing was connected', () => {
    const starved = { slots: 2, counted: false };
    expect(endCheck(starved, { error: CUT, connected: false })).toEqual({ starved, suspect: false });
  });
});
