// The path of the program and a clean environment, for tests that start it as a process.

import { fileURLToPath } from 'node:url';

export const MAIN_PATH = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const CACHE = process.env['NODE_COMPILE_CACHE'];
/** Only PATH, and the folder of Node's compile cache if there is one. */
export const BARE_ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  ...(CACHE === undefined ? {} : { NODE_COMPILE_CACHE: CACHE }),
};
