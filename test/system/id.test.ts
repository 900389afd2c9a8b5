// The one rule for IDs that become part of file names.

import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireId, validateId } from '#system/id.ts';
import { hostileText } from '#test/support/hostile.ts';

const UNSAFE = [
  '',
  '.',
  '..',
  '../x',
  'a/b',
  '/etc/passwd',
  'a\\b',
  'a\0b',
  '..a',
  'a..b',
  '.staging',
  '-x',
  'x.jar',
  'X.JSON',
];

describe('validateId', () => {
  it('id: an accepted ID is a distinct file name, whatever suffix follows it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 70 }), hostileText, fc.constantFrom(...UNSAFE)), (id) => {
        if (validateId(id) !== null) return;
        expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
        expect(basename(join('/folder', `${id}.json`))).toBe(`${id}.json`);
      }),
    );
    expect(validateId('1602503')).toBeNull();
    expect(validateId('constructor')).toBeNull();
    expect(validateId('__proto__')).not.toBeNull();
  });

  it.each(UNSAFE)('id: %j is refused', (id) => {
    expect(validateId(id)).not.toBeNull();
    expect(() => requireId(id)).toThrow(expect.objectContaining({ code: 'ID-INVALID' }));
  });
});
