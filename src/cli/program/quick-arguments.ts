// Reads the arguments of `submit` and `status` if they have a common form. The parser of all commands takes longer to
// load than these commands take. Pure.
//
// Guarantees: the result is the same as from that parser, or null. If it is null, the caller uses that parser, which
// also prints help and errors.

import type { Globals } from './program-hooks.ts';

/** The shells that completion supports. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];
/** The command that the scripts of shell completion call; not for people. */
export const COMPLETE_COMMAND = '__complete';

/** What `submit` is called with. */
export interface SubmitCall {
  readonly globals: Globals;
  readonly options: { readonly files: readonly string[]; readonly json: boolean; readonly quiet: boolean };
}

/** What `status` is called with, except for `--watch`. */
export interface StatusCall {
  readonly globals: Globals;
  readonly options: { readonly verbose: boolean; readonly json: boolean; readonly check: boolean };
}

/** The submission that these arguments ask for; null for any other command, and for forms that are rarely used. */
export function readSubmission(args: readonly string[]): SubmitCall | null {
  const read = readPlain('submit', args, ['--json', '--quiet']);
  if (read === null) return null;
  const { globals, words: files, flags } = read;
  return { globals, options: { files, json: flags.has('--json'), quiet: flags.has('--quiet') } };
}

/** The status that these arguments ask for; null for any other command, and for forms that are rarely used. */
export function readStatusCall(args: readonly string[]): StatusCall | null {
  const read = readPlain('status', args, ['-v', '--verbose', '--json', '--check']);
  if (read === null || read.words.length > 0) return null;
  const { globals, flags } = read;
  const json = flags.has('--json');
  const check = flags.has('--check');
  if (json && check) return null;
  return { globals, options: { verbose: flags.has('-v') || flags.has('--verbose'), json, check } };
}

/** The arguments of this command: words, and these flags. */
interface Plain {
  readonly globals: Globals;
  readonly words: readonly string[];
  readonly flags: ReadonlySet<string>;
}

function readPlain(name: string, args: readonly string[], known: readonly string[]): Plain | null {
  const given: string[] = [];
  const flags = new Set<string>();
  let globals: Globals = {};
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    if (word === '-c' || word === '--config') {
      at += 1;
      globals = { config: args[at] ?? '-' };
      if (globals.config?.startsWith('-')) return null;
    } else if (word === '-' || !word.startsWith('-')) given.push(word);
    else if (given.length > 0 && known.includes(word)) flags.add(word);
    else return null;
  }
  const [command, ...words] = given;
  return command === name ? { globals, words, flags } : null;
}
