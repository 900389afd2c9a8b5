// An error or a warning about the configuration file, with its position in the file.
//
// Guarantees: no field contains the value of a secret. `key` and `found` may be text from the file, so callers must
// print them through `showForeign`, as `problemLine` does. All other fields are Sallyport's own text.

import type { Code } from '#errors/catalogue.ts';
import { showForeign } from '#errors/template.ts';

/** One error or warning. The first line and the first column are 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the key, such as `proxies[0].port`; empty for the file as a whole. */
  readonly key: string;
  /** The value in the file, shortened; only its type if it is a secret. */
  readonly found: string;
  /** The allowed values, in words. */
  readonly allowed: string;
  readonly didYouMean?: string;
  /** Set if the problem has its own failure code, such as POLICY-DIRECT. */
  readonly code?: Code;
  /** What is wrong, one sentence. */
  readonly message: string;
}

/** A position in the file. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Steps from the root of the file to a key. */
export type KeyPath = readonly (string | number)[];

/** The result of a check, before its position in the file is looked up. */
export interface Finding {
  readonly path: KeyPath;
  readonly severity: 'error' | 'warning';
  /** Whether the problem is reported at the key or at its value. */
  readonly at: 'key' | 'value';
  readonly found: string;
  readonly allowed: string;
  readonly didYouMean?: string;
  /** Set if the problem is a direct connection that the policy forbids: the facts of POLICY-DIRECT. */
  readonly direct?: Readonly<Record<'rule' | 'purpose' | 'why' | 'remedy' | 'otherwise', string>>;
  /** Set if the file may be correct and only this process lacks a credential that the service receives. */
  readonly needsService?: true;
  /** Set if a line has the wrong indentation. The rules between keys are then skipped: their findings would mislead. */
  readonly isMisplaced?: true;
  /** Set if a secret is used differently than in the active settings: its key, the fact of SECRET-NOT-IN-FORCE. */
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

/** One line for display: position, key, what is wrong, what was found, what is allowed. */
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

/** A plain word in quotes is shown with its quotes, because the quotes are the error. */
function showFound(found: string): string {
  const word = /^"(.+)"$/s.exec(found)?.[1];
  const shown = word === undefined ? '' : showForeign(word);
  return shown !== '' && shown === word ? found : showForeign(found);
}

/** The same for a log event, which has the position in fields. Separate facts, so that a long one shortens no other. */
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

/** A key for display. Names and indexes are shown as they are; anything else is shown as foreign text. */
export function showKey(key: string): string {
  return /^[A-Za-z0-9_.[\]-]{1,200}$/.test(key) ? key : showForeign(key);
}
