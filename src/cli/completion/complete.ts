// Completes a word of a command line for a shell: `sallyport __complete SHELL WORD...`, which the scripts of
// `sallyport completion` call at each press of Tab.
//
// Guarantees: it never asks a question and writes nothing to standard error. Commands, options, purposes and keys need
// neither a configuration nor a daemon. Names of this host are left out if they cannot be read. A daemon that does not
// answer costs at most half a second. Only words without characters that a shell would interpret are offered.

import { resolve } from 'node:path';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Places } from '#config/places.ts';
import { updateIds } from './ids.ts';
import { profileNames } from './profile-names.ts';
import tree from './tree.json' with { type: 'json' };
import type { CompletedValue, CompletionTree } from './tree.ts';
import { type CompletedWord, type Wanted, wantedBy } from './wanted.ts';

/** Words that every shell takes as they are. */
const PLAIN = /^[A-Za-z0-9@%_+,./:=-]+$/;
const TREE = tree as CompletionTree;

export interface CompletionParts {
  readonly terminal: Terminal;
  readonly places: Places;
}

/** Prints `files`, `dirs` or `words` in the first line, and then each word with its description after a tab. */
export async function completeWords(args: readonly string[], { terminal, places }: CompletionParts): Promise<void> {
  const [shell = '', ...words] = args;
  const wanted = wantedBy(TREE, shell === 'bash' ? rejoined(words) : words);
  const { values, prefix, before } = wanted;
  if (values === 'files' || values === 'dirs') return terminal.out(values);
  terminal.out('words');
  const file = resolve(wanted.config ?? places.config);
  const candidates = typeof values === 'string' ? await lookUp(values, wanted, { file, places }) : values;
  // fish replaces the whole word; the other shells only the part after the equals sign.
  const start = shell === 'fish' ? before : '';
  for (const candidate of candidates) {
    const { value, about } = typeof candidate === 'string' ? { value: candidate, about: '' } : candidate;
    if (value.startsWith(prefix) && PLAIN.test(value)) terminal.out(`${start}${value}\t${firstLine(about)}`);
  }
}

/** bash splits a word at an equals sign. */
function rejoined(words: readonly string[]): string[] {
  const joined: string[] = [];
  for (const [index, word] of words.entries()) {
    const isJoined = word === '=' || words[index - 1] === '=';
    if (isJoined && joined.length > 0) joined.push(`${joined.pop()}${word}`);
    else joined.push(word);
  }
  return joined;
}

type LookedUp = Exclude<CompletedValue, readonly string[]>;

async function lookUp(
  what: LookedUp,
  { given, prefix }: Wanted,
  at: { readonly file: string; readonly places: Places },
): Promise<readonly (string | CompletedWord)[]> {
  switch (what) {
    case 'profiles':
      return await profileNames(at.file);
    case 'profiles-or-none':
      return ['none', ...(await profileNames(at.file))];
    case 'route':
      return ['none', 'default', ...(await profileNames(at.file))];
    case 'ids':
      return await updateIds(at.file, at.places);
    case 'keys':
      return namedKeys(prefix.startsWith('proxies.') ? await profileNames(at.file) : ['']);
    case 'key-value':
      return given.length === 1 ? (TREE.keys[schemaKey(given[0] ?? '')] ?? []) : [];
    default:
      return [];
  }
}

/** Every key. A key of a proxy has the name of its profile; without names, only `proxies.` is offered. */
function namedKeys(profiles: readonly string[]): string[] {
  const keys = Object.keys(TREE.keys).flatMap((key) =>
    key.startsWith('proxies[].')
      ? profiles.map((name) => (name === '' ? 'proxies.' : key.replace('[]', `.${name}`)))
      : [key],
  );
  return [...new Set(keys)];
}

/** `proxies[].port` for `proxies.corp.port` and `proxies[0].port`. */
function schemaKey(key: string): string {
  return key.replace(/^proxies(?:\.[^.]+|\[\d+\])\./, 'proxies[].');
}

function firstLine(text: string): string {
  return text.split(/[\t\n]/, 1)[0] ?? '';
}
