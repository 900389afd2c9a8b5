import { describe, expect, it } from 'vitest';
import { decodeFormattedJson } from '#system/formatted-json.ts';

const decode = (text: string) => decodeFormattedJson(Buffer.from(text), 2);

describe('formatted JSON', () => {
  it('formatted JSON: the fields of every known format come without `format`', () => {
    expect(decode('{"format":1,"key":"a"}')).toEqual({ kind: 'fields', format: 1, fields: { key: 'a' } });
    expect(decode('{"key":"a","format":2}')).toEqual({ kind: 'fields', format: 2, fields: { key: 'a' } });
  });

  it('formatted JSON: a format above the known ones is newer, whatever its fields', () => {
    expect(decode('{"format":3,"unknown":[]}')).toEqual({ kind: 'newer', format: 3 });
  });

  it.each([
    ['', 'it is empty'],
    ['{"format":1', 'it is not JSON'],
    ['null', 'it is not a JSON object'],
    ['[1]', 'it is not a JSON object'],
    ['"text"', 'it is not a JSON object'],
    ['{}', 'it does not name its format'],
    ['{"format":0}', 'it does not name its format'],
    ['{"format":1.5}', 'it does not name its format'],
    ['{"format":"1"}', 'it does not name its format'],
    ['{"format":1e300}', 'it does not name its format'],
  ])('formatted JSON: %j is damaged: %s', (text, reason) => {
    expect(decode(text)).toEqual({ kind: 'damaged', reason });
  });
});
