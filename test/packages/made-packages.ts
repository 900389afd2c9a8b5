// Where the packages are that these tests install: what `npm run package -- --arch x64 --fast` made.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Their folder. @throws Error if there is none */
export function madePackages(): string {
  const folder = resolve(process.env['SALLYPORT_PACKAGES'] ?? 'dist/packages');
  if (existsSync(join(folder, 'SHA256SUMS'))) return folder;
  throw new Error(`${folder} has no packages: run npm run package -- --arch x64 --fast, or set SALLYPORT_PACKAGES`);
}
