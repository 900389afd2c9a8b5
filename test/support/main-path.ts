// Where the program is, and the environment of a shell that has nothing of ours, for tests that start it as a process.

import { fileURLToPath } from 'node:url';

export const MAIN_PATH = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const CACHE = process.env['NODE_COMPILE_CACHE'];
/** The PATH alone, and where Node keeps what it made of the program, if it does. */
export const BARE_ENVIRONMENT: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  ...(CACHE === undefined ? {} : { NODE_COMPILE_CACHE: CACHE }),
};
