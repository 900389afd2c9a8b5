// The vendor's commands `sallyport feed`, with keys and a passphrase in a folder of a test.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runHere } from './run-here.ts';

/** Runs a command of `sallyport feed`; returns what it printed. A word such as `@updates` is a path in the folder. */
export type FeedCommand = (...args: readonly string[]) => Promise<string>;

/** The commands in a folder. A command that fails, or that prints a code, fails the test. */
export async function feedCommands(dir: string): Promise<FeedCommand> {
  const at = (name: string) => join(dir, name);
  await writeFile(at('passphrase'), 'correct horse battery\n', { mode: 0o600 });
  return async (...args) => {
    const words = args.map((word) => (word.startsWith('@') ? at(word.slice(1)) : word));
    const signs = ['build', 'sign', 'delegate'].includes(words[0] ?? '') || words[1] === 'make';
    const given = ['--keys', at('keys'), ...(signs ? ['--passphrase-file', at('passphrase')] : [])];
    const { code, out, err } = await runHere(['feed', ...words, ...given]);
    expect({ args, code, err }).toEqual({ args, code: 0, err: expect.not.stringContaining('[') });
    return out;
  };
}
