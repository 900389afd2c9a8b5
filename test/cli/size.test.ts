import { expect, it } from 'vitest';
import { parseSize } from '#cli/size.ts';

it.each([
  ['48MB', 48_000_000],
  ['1.2GB', 1_200_000_000],
  ['1.2 gb', 1_200_000_000],
  ['48000000', 48_000_000],
  ['1b', 1],
  ['0.5kb', 500],
  ['2TB', 2_000_000_000_000],
])('%s is a size', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

it.each(['', '0', '-1', '48 M B', 'MB', '1e9', '999999TB', '48MiB', '1.2.3', '٤'])('size: %j is not a size', (text) => {
  expect(parseSize(text)).toBeNull();
});
