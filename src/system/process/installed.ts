// Checks whether an optional npm package is installed, without loading it.

import { createRequire } from 'node:module';

/** Looks where `import` of the program would look. */
export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
