import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Attempted,
  checkResume,
  chooseValidator,
  nextRestart,
  planRange,
  planTransfer,
  progressBytes,
} from '#transfer/resume.ts';

const rest = planRange(400, 1_000, '"v1"');
const whole = planRange(0, 1_000, null);

describe('planRange', () => {
  it('requests the rest with a validator, the whole file, or nothing', () => {
    expect(rest).toEqual({ kind: 'rest', offset: 400, headers: { range: 'bytes=400-', 'if-range': '"v1"' } });
    expect(planRange(400, 1_000, null)).toMatchObject({ headers: { range: 'bytes=400-' } });
    expect(whole).toEqual({ kind: 'whole' });
    expect(planRange(1_000, 1_000, null)).toEqual({ kind: 'nothing' });
    expect(planRange(1_001, 1_000, null)).toEqual({ kind: 'whole' });
  });
});

describe('checkResume', () => {
  const part = (contentRange: string | undefined, contentLength: number | null = null) =>
    checkResume(rest, { status: 206, contentRange, contentLength }, 1_000).kind;

  it('appends only at the requested offset and only for the promised length', () => {
    expect(part('bytes 400-999/1000', 600)).toBe('append');
    expect(part('bytes 400-999/1000')).toBe('append');
    expect(part('bytes 400-999/*')).toBe('append');
    expect(part('bytes 400-499/1000', 100)).toBe('append');
  });

  it.each([
    ['an earlier start, as block-aligned caches answer', 'bytes 0-999/1000', null],
    ['a later start', 'bytes 401-999/1000', null],
    ['an end beyond the file', 'bytes 400-1000/1000', null],
    ['an end before the start', 'bytes 400-399/1000', null],
    ['a Content-Length that does not fit', 'bytes 400-999/1000', 601],
    ['no Content-Range', undefined, null],
    ['a multipart answer', 'bytes', null],
  ])('starts over after %s', (_what, contentRange, contentLength) => {
    expect(part(contentRange, contentLength)).toBe('restart');
  });

  it('refuses a total length that differs from the promised one', () => {
    expect(part('bytes 400-1999/2000')).toBe('refused');
    expect(checkResume(whole, { status: 200, contentRange: undefined, contentLength: 2 ** 31 }, 1_000)).toMatchObject({
      kind: 'refused',
      error: { code: 'LENGTH-MISMATCH' },
    });
  });

  it('starts from zero if the whole file arrives instead of the rest, and says why', () => {
    expect(checkResume(rest, { status: 200, contentRange: undefined, contentLength: 1_000 }, 1_000)).toEqual({
      kind: 'from-zero',
      reason: 'the whole package arrived instead of the rest',
    });
    expect(checkResume(whole, { status: 200, contentRange: undefined, contentLength: null }, 1_000)).toEqual({
      kind: 'from-zero',
      reason: null,
    });
  });

  it('accepts a 206 that was not requested if it starts at the beginning', () => {
    const judge = (contentRange: string | undefined, contentLength: number | null) =>
      checkResume(whole, { status: 206, contentRange, contentLength }, 1_000).kind;
    expect(judge('bytes 0-999/1000', 1_000)).toBe('from-zero');
    expect(judge('bytes 0-499/1000', 500)).toBe('from-zero');
    expect(judge(undefined, 1_000)).toBe('from-zero');
    expect(judge(undefined, 999)).toBe('restart');
    expect(judge(undefined, null)).toBe('restart');
    expect(judge('bytes 1-999/1000', 999)).toBe('restart');
    expect(judge('bytes 0-999/1001', 1_000)).toBe('refused');
  });

  it.each(['Bytes 400-999/1000', 'BYTES 400-999/1000', 'bytes  400-999/1000', ' bytes 400 - 999 / 1000 '])(
    'reads %j as RFC 9110, 14.1 and blanks allow',
    (contentRange) => {
      expect(checkResume(rest, { status: 206, contentRange, contentLength: 600 }, 1_000).kind).toBe('append');
    },
  );

  it('starts over after 416, and after a part with the wrong offset', () => {
    expect(checkResume(rest, { status: 416, contentRange: 'bytes */900', contentLength: null }, 1_000).kind).toBe(
      'restart',
    );
    const elsewhere = { status: 206, contentRange: 'bytes 500-999/1000', contentLength: 500 };
    expect(checkResume(rest, elsewhere, 1_000).kind).toBe('restart');
  });

  it('appends only at the end of the kept bytes', () => {
    const range = fc.tuple(fc.nat(2_000), fc.nat(2_000), fc.nat(2_000));
    fc.assert(
      fc.property(range, fc.option(fc.nat(2_000)), ([first, last, total], contentLength) => {
        const contentRange = `bytes ${first}-${last}/${total}`;
        const verdict = checkResume(rest, { status: 206, contentRange, contentLength }, 1_000);
        if (verdict.kind === 'append') expect([first, total, last < 1_000]).toEqual([400, 1_000, true]);
      }),
    );
  });
});

describe('nextRestart', () => {
  const failed: Attempted = {
    requested: 'rest',
    continued: 'staged',
    fromZero: false,
    validator: null,
    madeProgress: false,
    blamed: true,
    aborted: false,
  };
  const sizes = { staged: 400, fresh: 0 };
  const nextRequestsWhole = nextRestart(null, failed, sizes);

  it('requests the whole file after the rest failed, and then the rest', () => {
    expect(nextRequestsWhole).toEqual({ kept: 400, ask: 'whole', validator: null, reached: 0 });
    for (const blamed of [true, false]) {
      expect(nextRestart(nextRequestsWhole, { ...failed, requested: 'whole', blamed }, sizes)).toBeNull();
    }
  });

  it('changes nothing after a stop or a failure unrelated to the request', () => {
    expect(nextRestart(nextRequestsWhole, { ...failed, requested: 'whole', blamed: false, aborted: true }, sizes)).toBe(
      nextRequestsWhole,
    );
    expect(nextRestart(null, { ...failed, blamed: false }, sizes)).toBeNull();
    expect(nextRestart(null, { ...failed, madeProgress: true }, sizes)).toBeNull();
  });

  it('continues a second copy, and restarts it if its rest is refused', () => {
    const both = { staged: 400, fresh: 100 };
    const opened = nextRestart(
      nextRequestsWhole,
      { ...failed, requested: 'whole', fromZero: true, validator: '"b"' },
      both,
    );
    expect(opened).toEqual({ kept: 400, ask: 'rest', validator: '"b"', reached: 100 });
    const journal = { validator: '"a"', ...(opened === null ? {} : { restart: opened }) };
    expect(planTransfer(journal, both, 1_000)).toMatchObject({
      continues: 'fresh',
      range: { offset: 100, headers: { 'if-range': '"b"' } },
    });
    expect(nextRestart(opened, { ...failed, continued: 'fresh' }, both)?.ask).toBe('whole');
  });

  it('does not apply once the first copy is longer than the refused one', () => {
    const journal = { validator: '"a"', restart: { kept: 400, ask: 'whole', validator: '"b"', reached: 0 } as const };
    expect(planTransfer(journal, sizes, 1_000).range.kind).toBe('whole');
    expect(planTransfer(journal, { staged: 401, fresh: 0 }, 1_000).range).toMatchObject({
      offset: 401,
      headers: { 'if-range': '"b"' },
    });
    expect(planTransfer(journal, { staged: 0, fresh: 0 }, 1_000)).toMatchObject({ continues: 'staged' });
  });
});

describe('progressBytes', () => {
  it('is 1 KiB, or a hundredth of a smaller package', () => {
    expect([0, 1, 100, 40_000, 6_553_600, 2 ** 40].map(progressBytes)).toEqual([1, 1, 1, 400, 1_024, 1_024]);
  });
});

describe('chooseValidator', () => {
  it('uses a strong ETag, else the date, else nothing', () => {
    expect(chooseValidator('"abc"', 'Sat, 21 Nov 2026 08:00:00 GMT')).toBe('"abc"');
    expect(chooseValidator('W/"abc"', 'Sat, 21 Nov 2026 08:00:00 GMT')).toBe('Sat, 21 Nov 2026 08:00:00 GMT');
    expect(chooseValidator('W/"abc"', undefined)).toBeNull();
    expect(chooseValidator('"a\r\nx: y"', undefined)).toBeNull();
  });
});
