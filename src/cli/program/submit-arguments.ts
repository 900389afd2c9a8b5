// Reads the arguments of `sallyport submit` if they have a common form. The parser of all commands takes longer to load
// than a short submission takes. Pure.
//
// Guarantees: the result is the same as from that parser, or null. If it is null, the caller uses that parser, which
// also prints help and errors.

import type { Globals } from './program-hooks.ts';

/** What `submit` is called with. */
export interface SubmitCall {
  readonly globals: Globals;
  readonly options: { readonly files: readonly string[]; readonly json: boolean; readonly quiet: boolean };
}

const FLAGS = ['--json', '--quiet'];

/** The submission that these arguments ask for; null for any other command, and for forms that are rarely used. */
export function readSubmission(args: readonly string[]): SubmitCall | null {
  const words: string[] = [];
  const flags = new Set<string>();
  let globals: Globals = {};
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (word === '-c' || word === '--config') {
      at += 1;
      globals = { config: args[at] ?? '-' };
      if (globals.config?.startsWith('-')) return null;
    } else if (word === '-' || !word.startsWith('-')) words.push(word);
    else if (words.length > 0 && FLAGS.includes(word)) flags.add(word);
    else return null;
  }
  const [command, ...files] = words;
  if (command !== 'submit') return null;
  return { globals, options: { files, json: flags.has('--json'), quiet: flags.has('--quiet') } };
}
