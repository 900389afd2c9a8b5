import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'packages/**', 'logs/**', 'state/**', '.cache/**'],
    // A process per file: tests start servers, change signals and umask, and kill what they started.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default', './tools/suite-reporter.ts'],
  },
});
