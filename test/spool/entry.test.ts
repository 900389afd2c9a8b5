import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntry, dueAt, encodeEntry, entryFileName, isKey, type SpoolEntry, sequenceOf } from '#spool/entry.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 20);

function entry(postponed: SpoolEntry['postponed'] = null): SpoolEntry {
  return { key: 'k', kind: 'receipt', body: { id: '1' }, acceptedAtMs: NOW, attempts: 0, postponed };
}

const postponedFor = (ms: number, atMs = NOW) => entry({ atMs, untilMs: atMs + ms, error: 'TCP-REFUSED' });

describe('an entry in its file', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.boolean(), (body, attempts, waits) => {
        // JSON has no -0.
        const plain: unknown = JSON.parse(JSON.stringify(body));
        const kept = { ...(waits ? postponedFor(1_000) : entry()), body: plain, attempts };

        expect(decodeEntry(encodeEntry(kept))).toEqual({ kind: 'entry', entry: kept });
      }),
    );
  });

  it('is damaged when a single byte at its end is missing, and whatever bytes it has never throws', () => {
    const bytes = encodeEntry(postponedFor(1_000));
    for (let length = 0; length < bytes.length - 1; length += 1) {
      expect(decodeEntry(bytes.subarray(0, length)).kind).toBe('damaged');
    }
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)), (any) => {
        expect(decodeEntry(any).kind).not.toBe('entry');
      }),
    );
  });

  it.each([
    ['', 'it is empty'],
    ['{', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['{"key":"k"}', 'it names no format'],
    ['{"format":1,"key":"a b"}', 'key: '],
  ])('%s is damaged: %s', (text, reason) => {
    const decoded = decodeEntry(Buffer.from(text));

    expect(decoded.kind === 'damaged' && decoded.reason).toContain(reason);
  });

  it('of a newer format is not looked into', () => {
    expect(decodeEntry(Buffer.from('{"format":2,"what":"ever"}'))).toEqual({ kind: 'newer', format: 2 });
  });
});

describe('the name of an entry', () => {
  it('holds its number, and no other name does', () => {
    expect(entryFileName(7)).toBe('000000000007.json');
    for (const number of [1, 7, 999_999_999_999, 1_000_000_000_000]) {
      expect(sequenceOf(entryFileName(number))).toBe(number);
    }
    for (const name of ['7.json', '0000000000007.json', '000000000007.json.new', '000000000007', 'a.json', '']) {
      expect(sequenceOf(name)).toBeNull();
    }
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
