import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSameFact, readAcknowledgement } from '#origin/acknowledgement.ts';

const GOOD = {
  key: 'a1b2',
  id: '1602503',
  sha256: 'ab'.repeat(32),
  length: 4_000_000,
  elapsed_ms: 57_000,
  outcome: 'published',
  agent: '7f9c2ba4-e88f-4d4b-8b2a-000000000001',
};

const read = (change: object, key: string | undefined = 'a1b2') =>
  readAcknowledgement(JSON.stringify({ ...GOOD, ...change }), key);

describe('origin: an acknowledgement', () => {
  it.each(['published', 'withdrawn', 'hook_failed', 'refused:DIGEST-MISMATCH'])(
    'is accepted with outcome %s',
    (outcome) => {
      expect(read({ outcome })).toEqual({ acknowledgement: { ...GOOD, outcome } });
    },
  );

  it('loses unknown fields', () => {
    expect(read({ later: 1 })).toEqual({ acknowledgement: GOOD });
  });

  it('may have its key quoted in the header, as a structured field', () => {
    expect(read({}, '"a1b2"')).toEqual({ acknowledgement: GOOD });
  });

  it.each([
    [{ id: '../../etc/x' }, 'id is not'],
    [{ id: 'x.jar' }, 'id is not'],
    [{ sha256: 'AB'.repeat(32) }, 'sha256 is not'],
    [{ length: -1 }, 'length is not'],
    [{ length: '4' }, 'length is not'],
    [{ elapsed_ms: 1.5 }, 'elapsed_ms is not'],
    [{ outcome: 'refused:' }, 'outcome is not'],
    [{ outcome: 'done' }, 'outcome is not'],
    [{ agent: 'a b' }, 'agent is not'],
    [{ agent: undefined }, 'agent is not'],
    [{ key: '' }, 'key is not'],
  ])('is refused with %j', (change, problem) => {
    expect(read(change)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('is refused without its key in the header, or with another one', () => {
    expect(readAcknowledgement(JSON.stringify(GOOD), undefined)).toHaveProperty('problem');
    expect(read({}, 'other')).toHaveProperty('problem');
  });

  it('never throws, whatever the body is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(readAcknowledgement(body, 'k')).toHaveProperty('problem');
      }),
    );
  });

  it('is the same fact if only the time differs', () => {
    expect(isSameFact(GOOD, { ...GOOD, elapsed_ms: 1 })).toBe(true);
    expect(isSameFact(GOOD, { ...GOOD, outcome: 'withdrawn' })).toBe(false);
    expect(isSameFact(GOOD, { ...GOOD, agent: 'other' })).toBe(false);
  });
});
