import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readActivationKey } from '#control/platform/activation-key.ts';

describe('activation key', () => {
  it.each([
    'ABCD-EF12-3456-GHJK',
    'abcd-ef12-3456-ghjk',
    '  ABCD EF12 3456 GHJK\n',
    'ABCD–EF12–3456–GHJK',
    'ABCDEF123456GHJK',
  ])('%j is read in its one spelling', (text) => {
    expect(readActivationKey(text).reveal()).toBe('ABCD-EF12-3456-GHJK');
  });

  it.each([
    ['ABCD-EF12-3456', '3 groups, not 4'],
    ['ABCD-EF1-3456-GHJK', 'group 2 has 3 characters, not 4'],
    ['ABCD-EF1!-3456-GHJK', 'group 2 has a character that is neither a letter nor a digit'],
    ['', 'it is empty'],
  ])('%j is refused, and the reason does not quote it', (text, reason) => {
    let failure: unknown;
    try {
      readActivationKey(text);
    } catch (thrown) {
      failure = thrown;
    }
    expect(failure).toMatchObject({ code: 'LICENSE-KEY' });
    expect(String(failure)).toContain(reason);
  });

  it('never appears in what is thrown', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z]{5,9}(-[A-Z]{5,9}){3}$/), (text) => {
        try {
          readActivationKey(text);
        } catch (thrown) {
          for (const group of text.split('-')) expect(JSON.stringify(thrown) + String(thrown)).not.toContain(group);
        }
      }),
      { numRuns: 30 },
    );
  });
});
