// A mistake or a warning about the configuration file, with its place in the file.
//
// No field ever holds the value of a secret. `key` and `found` can be foreign text: whoever prints them goes through the
// one formatter, as `problemLine` does; the other texts are ours.

import type { Code } from '#errors/catalogue.ts';
import { showForeign } from '#errors/template.ts';

/** One mistake or warning. Line and column count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the key, such as `proxies[0].port`; empty for the file as a whole. */
  readonly key: string;
  /** What stands there, cut; only its type where it is a secret. */
  readonly found: string;
  /** What may stand there, in words. */
  readonly allowed: string;
  readonly didYouMean?: string;
  /** Set where the mistake has a code of its own, such as POLICY-DIRECT. */
  readonly code?: Code;
  /** What is wrong, one sentence. */
  readonly message: string;
}

/** A place in the file. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Steps from the root of the file to a key. */
export type KeyPath = readonly (string | number)[];

/** What a check has found, before it is known where that stands. */
export interface Finding {
  readonly path: KeyPath;
  readonly severity: 'error' | 'warning';
  /** `key` points at the key itself, `value` at what it holds. */
  readonly at: 'key' | 'value';
  readonly found: string;
  readonly allowed: string;
  readonly didYouMean?: string;
  /** Set where going direct is what is wrong: the facts of POLICY-DIRECT. */
  readonly direct?: Readonly<Record<'rule' | 'purpose' | 'why' | 'otherwise', string>>;
  /** Set where the file may be right and only this process lacks what the service is given. */
  readonly needsService?: true;
  /** Set where a line in a wrong column is what is wrong: rules between keys would judge what nobody meant. */
  readonly isMisplaced?: true;
  /** Set where a secret is used otherwise than in force: its key, the fact of SECRET-NOT-IN-FORCE. */
  readonly refusedSecret?: string;
  readonly message: string;
}

/** `proxies[0].port` */
export function keyName(path: KeyPath): string {
  return path.reduce<string>((name, step) => {
    if (typeof step === 'number') return `${name}[${step}]`;
    return name === '' ? step : `${name}.${step}`;
  }, '');
}

/** One line for a person: place, key, what is wrong, what was found, what is allowed. */
export function problemLine(problem: Problem): string {
  const { file, line, column, key, found, allowed, didYouMean, code, message } = problem;
  const head = `${showForeign(file)}:${line}:${column}: ${key === '' ? '' : `${showKey(key)}: `}`;
  const parts = [
    `${code === undefined ? '' : `[${code}] `}${message}`,
    found === '' ? '' : `Found: ${showFound(found)}.`,
    allowed === '' ? '' : `Allowed: ${allowed}.`,
    didYouMean === undefined ? '' : `Did you mean ${didYouMean}?`,
  ];
  return head + parts.filter((part) => part !== '').join(' ');
}

/** A plain word in quotes is shown as it stands in the file: the quotes are what is wrong. */
function showFound(found: string): string {
  const word = /^"(.+)"$/s.exec(found)?.[1];
  const shown = word === undefined ? '' : showForeign(word);
  return shown !== '' && shown === word ? found : showForeign(found);
}

/** The same for an event, which has the place in fields: each fact by itself, so that a long one cuts no other. */
export function problemFacts({ code, message, didYouMean, found, allowed }: Problem): string[] {
  const facts = [
    code === undefined ? '' : `code ${code}`,
    message,
    didYouMean === undefined ? '' : `did you mean ${didYouMean}?`,
    found === '' ? '' : `found: ${found}`,
    allowed === '' ? '' : `allowed: ${allowed}`,
  ];
  return facts.filter((fact) => fact !== '');
}

/** A key for people: its own name and index are plain; anything else is foreign. */
export function showKey(key: string): string {
  return /^[A-Za-z0-9_.[\]-]{1,200}$/.test(key) ? key : showForeign(key);
}
