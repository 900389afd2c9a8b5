import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { updatedWait, type Wait, waitLine, waitOf } from '#logging/wait-line.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

const WAIT: Wait = {
  id: '1602600',
  limitMs: 340_000,
  proxy: 'corp',
  scans: true,
  heldMs: 53_000,
  heldSize: null,
};

describe('the wait line', () => {
  it('wait line: it shows the elapsed time, the limit and the likely reason', () => {
    expect(waitLine(WAIT, 9_400, 200)).toBe(
      '1602600  waiting for the first byte  0:09 of 5:40  proxy corp is probably scanning (held past packages of this size for up to 53 s)',
    );
  });

  it('wait line: a narrow window loses the least useful parts and never the time', () => {
    expect(waitLine(WAIT, 9_400, 90)).toBe(
      '1602600  waiting for the first byte  0:09 of 5:40  proxy corp is probably scanning',
    );
    expect(waitLine(WAIT, 9_400, 79)).toBe('1602600  waiting  0:09 of 5:40  proxy corp is probably scanning');
    expect(waitLine(WAIT, 9_400, 55)).toBe('1602600  waiting for the first byte  0:09 of 5:40');
    expect(waitLine(WAIT, 9_400, 35)).toBe('1602600  waiting  0:09 of 5:40');
    expect(waitLine(WAIT, 9_400, 25)).toBe('1602600  0:09 of 5:40');
    expect(waitLine(WAIT, 9_400, 15)).toBe('0:09 of 5:40');
  });

  it.each([
    ['proxy-holds', true, 'proxy corp answers in 40 ms; it is holding this one'],
    ['proxy-holds', false, 'proxy corp answers in 40 ms; the server behind it is silent'],
    ['proxy-silent', true, 'proxy corp has not answered for 12 s'],
  ])('wait line: after %s with scans %s it shows what probes found', (name, scans, words) => {
    const shown = { name, fields: { id: WAIT.id, latency: 40, elapsed: 12_000 } };
    const line = `1602600  waiting for the first byte  0:09 of 5:40  ${words}`;
    expect(waitLine(updatedWait({ ...WAIT, scans }, shown), 9_400, 200)).toBe(line);
    const other = { ...shown, fields: { ...shown.fields, id: 'u2' } };
    expect(updatedWait(WAIT, other)).toBe(WAIT);
    expect(waitOf({ id: WAIT.id, answered: 40 }).probed).toEqual({ answeredMs: 40 });
  });

  it('wait line: an extended wait shows its new limit', () => {
    const longer = updatedWait(WAIT, { name: 'wait-extended', fields: { id: WAIT.id, limit: 1_020_000 } });
    expect(waitLine(longer, 345_000, 50)).toBe('1602600  waiting for the first byte  5:45 of 17:00');
  });

  it.each([
    ['only may be scanning, where nothing is known', { heldMs: null }, 'proxy corp may be scanning'],
    [
      'held a package of another size',
      { heldSize: 20_000_000 },
      'proxy corp is probably scanning (held 20.0 MB before for up to 53 s)',
    ],
    ['never held one', { heldMs: 400 }, 'past packages of this size began within 400 ms'],
    ['cannot look into TLS', { scans: false }, 'past packages of this size began within 53 s'],
    ['cannot look into TLS, nothing is known', { scans: false, heldMs: null }, ''],
    ['is none', { proxy: null, scans: false }, 'past packages of this size began within 53 s'],
    ['is none, nothing is known', { proxy: null, heldMs: null }, ''],
  ] as const)('wait line: it claims no more than is known of a proxy that %s', (_case, over, reason) => {
    const line = waitLine({ ...WAIT, ...over }, 0, 300);

    expect(line).toBe(`1602600  waiting for the first byte  0:00 of 5:40${reason === '' ? '' : `  ${reason}`}`);
  });

  it('wait line: long waits are shown in hours', () => {
    expect(waitLine({ ...WAIT, limitMs: 7_384_000 }, 3_723_000, 60)).toContain('1:02:03 of 2:03:04');
  });

  it('wait line: it fits the window in plain ASCII, whatever the event contains', () => {
    const value = fc.oneof(fc.string({ unit: ANY_CHARACTER }), fc.double(), fc.boolean(), fc.constant(null));
    const fields = fc.record({ id: value, limit: value, proxy: value, scans: value, held: value, held_size: value });
    fc.assert(
      fc.property(fields, fc.double({ noNaN: true }), fc.integer({ min: 1, max: 300 }), (raw, elapsedMs, columns) => {
        const line = waitLine(waitOf(raw), elapsedMs, columns);

        expect(line.length).toBeLessThanOrEqual(columns);
        expect(line).toMatch(/^[ -~]*$/);
      }),
    );
  });
});
