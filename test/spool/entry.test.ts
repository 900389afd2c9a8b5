import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHead, dueAt, type Ending, type EntryHead, encodeHead, isKey } from '#spool/entry.ts';
import { partName, readName } from '#spool/names.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 20);

function entry(postponed: EntryHead['postponed'] = null): EntryHead {
  return { key: 'k', kind: 'receipt', acceptedAtMs: NOW, attempts: 0, postponed, held: false, attachment: null };
}

const recordOf = (head: EntryHead, ending: Ending | null = null) => ({ head, body: { id: '1' } as unknown, ending });
const endings: readonly (Ending | null)[] = [
  null,
  { does: 'reject', reason: 'ORIGIN-REFUSED' },
  {
    does: 'split',
    parts: [
      { key: 'k.1', body: { id: '1' } },
      { key: 'k.2', body: [] },
    ],
  },
];

const postponedFor = (ms: number, atMs = NOW) => entry({ atMs, untilMs: atMs + ms, error: 'TCP-REFUSED' });

describe('an entry in its file', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(),
        fc.boolean(),
        fc.record({ length: fc.option(fc.nat()), ending: fc.constantFrom(...endings) }),
        (body, attempts, waits, { length, ending }) => {
          // JSON has no -0.
          const plain: unknown = JSON.parse(JSON.stringify(body));
          const attachment = length === null ? null : { length, sha256: 'a'.repeat(64) };
          const head = { ...(waits ? postponedFor(1_000) : entry()), attempts, attachment };
          const record = { head, body: plain, ending };

          expect(decodeHead(encodeHead(record))).toEqual({ kind: 'head', record });
        },
      ),
    );
  });

  it('has the format of 0.1.0 as long as nothing of it needs a newer one', () => {
    const formatOf = (bytes: Uint8Array) => (JSON.parse(Buffer.from(bytes).toString()) as { format: number }).format;

    expect(formatOf(encodeHead(recordOf(postponedFor(1_000))))).toBe(1);
    expect(formatOf(encodeHead(recordOf({ ...entry(), attachment: { length: 1, sha256: 'a'.repeat(64) } })))).toBe(2);
    for (const ending of endings.slice(1)) expect(formatOf(encodeHead(recordOf(entry(), ending)))).toBe(2);
  });

  it('entry: a missing last byte means damaged, and no content throws', () => {
    const bytes = encodeHead(recordOf(postponedFor(1_000)));
    for (let length = 0; length < bytes.length - 1; length += 1) {
      expect(decodeHead(bytes.subarray(0, length)).kind).toBe('damaged');
    }
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (any) => {
        expect(decodeHead(any).kind).not.toBe('head');
      }),
    );
  });

  it.each([
    ['', 'it is empty'],
    ['{', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['{"key":"k"}', 'it does not name its format'],
    ['{"format":1,"key":"a b"}', 'key: '],
  ])('%s is damaged: %s', (text, reason) => {
    const decoded = decodeHead(Buffer.from(text));

    expect(decoded.kind === 'damaged' && decoded.reason).toContain(reason);
  });

  it('of a newer format is not looked into', () => {
    expect(decodeHead(Buffer.from('{"format":3,"what":"ever"}'))).toEqual({ kind: 'newer', format: 3, known: 2 });
  });
});

describe('the name of a file', () => {
  it('holds number and part, and no other name does', () => {
    expect(partName(7, 'json')).toBe('000000000007.json');
    for (const sequence of [1, 7, 999_999_999_999, 1_000_000_000_000]) {
      for (const part of ['json', 'attachment', 'settled'] as const) {
        expect(readName(partName(sequence, part))).toEqual({ sequence, part, unfinished: false });
        expect(readName(`${partName(sequence, part)}.new`)).toEqual({ sequence, part, unfinished: true });
      }
    }
    const foreign = [
      '7.json',
      '0000000000007.json',
      '000000000007',
      'a.json',
      '',
      '000000000007.json.bak',
      'lost+found',
    ];
    for (const name of foreign) expect(readName(name)).toBeNull();
  });

  it('is not its key, which is plain text of at most 128 characters', () => {
    expect(['a', 'A-b_c.d:e', 'f'.repeat(128)].every(isKey)).toBe(true);
    expect(['', 'a b', 'a\n', 'é', '../x', 'f'.repeat(129)].some(isKey)).toBe(false);
  });
});

describe('an entry is due', () => {
  it('at once when it was never tried', () => {
    expect(dueAt(entry(), NOW)).toBeNull();
    expect(dueAt(entry(), 0)).toBeNull();
  });

  it('when its time has come, and not before', () => {
    expect(dueAt(postponedFor(1_000), NOW)).toBe(NOW + 1_000);
    expect(dueAt(postponedFor(1_000), NOW + 999)).toBe(NOW + 1_000);
    expect(dueAt(postponedFor(1_000), NOW + 1_000)).toBeNull();
  });

  it('when the clock was years ahead as it was postponed', () => {
    expect(dueAt(postponedFor(1_000, NOW + 3_650 * DAY_MS), NOW)).toBeNull();
  });

  it('later by no more than a small step of the clock', () => {
    expect(dueAt(postponedFor(1_000), NOW - 60_000)).toBe(NOW + 1_000);
    expect(dueAt(postponedFor(1_000), NOW - 60_001)).toBeNull();
  });

  it('after seven days at most, whatever it says', () => {
    expect(dueAt(postponedFor(1e15), NOW)).toBe(NOW + 7 * DAY_MS);
    expect(dueAt(postponedFor(1e15), NOW + 7 * DAY_MS)).toBeNull();
  });
});
