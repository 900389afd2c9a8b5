import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SLOWEST } from '#tools/suite-order.ts';

it('suite order: every file that is named exists', () => {
  const root = new URL('../../', import.meta.url);
  expect(SLOWEST.filter((name) => !existsSync(fileURLToPath(new URL(name, root))))).toEqual([]);
});
