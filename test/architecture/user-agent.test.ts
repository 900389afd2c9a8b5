// Every request names Sallyport in the same way: for a purpose, a PAC file, a CONNECT and the second opinion.

import { expect, it } from 'vitest';
import { userAgentOf } from '#http/purpose-headers.ts';
import { readSource, withoutComments } from './imports.ts';
import { sourceFiles } from './layers.ts';

it('user agent: it has the version, and only one source file makes it', () => {
  const makers = sourceFiles().filter((file) => /Sallyport\/(?:\$\{|['"`])/.test(withoutComments(readSource(file))));

  expect(userAgentOf({ version: '1.2.3' })).toBe('Sallyport/1.2.3');
  expect(makers).toEqual(['http/purpose-headers.ts']);
});
