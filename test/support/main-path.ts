// Where the program is, for tests that start it as a process.

import { fileURLToPath } from 'node:url';

export const MAIN_PATH = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
