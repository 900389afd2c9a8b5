// Finds out what the word that is being completed can be. Pure: names of this host are looked up by the caller.

import type { CompletedValue, CompletionTree } from './tree.ts';

/** A word, with a description for shells that show one. */
export interface CompletedWord {
  readonly value: string;
  readonly about: string;
}

/** What the last word can be. */
export interface Wanted {
  readonly values: CompletedValue | readonly CompletedWord[];
  /** What of the value is written already. */
  readonly prefix: string;
  /** What is before the value in the same word: `--purpose=`. */
  readonly before: string;
  /** The arguments of the command so far, and the file that `-c` names. */
  readonly given: readonly string[];
  readonly config: string | null;
}

type Command = CompletionTree['commands'][string];
type CompletedOption = Command['options'][number];

/** `words` follow the name of the program; the last one is being completed and may be empty. */
export function wantedBy(tree: CompletionTree, words: readonly string[]): Wanted {
  const line = new Line(tree);
  for (const word of words.slice(0, -1)) line.take(word);
  return line.wanted(words.at(-1) ?? '');
}

class Line {
  readonly #tree: CompletionTree;
  readonly #program: Command;
  #path = '';
  #given: string[] = [];
  #config: string | null = null;
  /** The option whose value follows. */
  #open: CompletedOption | null = null;
  #isOpenTaken = false;
  #isOnlyArguments = false;

  constructor(tree: CompletionTree) {
    this.#tree = tree;
    this.#program = tree.commands[''] ?? NO_COMMAND;
  }

  get #command(): Command {
    return this.#tree.commands[this.#path] ?? NO_COMMAND;
  }

  take(word: string): void {
    const isValue = this.#open !== null && !(this.#isOpenTaken && word.startsWith('-'));
    if (isValue) this.#takeValue(word);
    else {
      this.#open = null;
      if (this.#isOnlyArguments || !word.startsWith('-') || word === '-') this.#takeArgument(word);
      else if (word === '--') this.#isOnlyArguments = true;
      else this.#takeOption(word);
    }
  }

  #takeOption(word: string): void {
    const [name = '', value] = word.split(/=(.*)/s, 2);
    const option = this.#option(name);
    if (option === undefined || option.value === null) return;
    if (value === undefined) {
      this.#open = option;
      this.#isOpenTaken = false;
    } else if (option.names.includes('--config')) this.#config = value;
  }

  #takeValue(word: string): void {
    if (this.#open?.names.includes('--config') === true) this.#config = word;
    if (this.#open?.many === true) this.#isOpenTaken = true;
    else this.#open = null;
  }

  #takeArgument(word: string): void {
    const child = this.#path === '' ? word : `${this.#path} ${word}`;
    if (this.#given.length === 0 && Object.hasOwn(this.#tree.commands, child)) this.#path = child;
    else this.#given = [...this.#given, word];
  }

  wanted(word: string): Wanted {
    const at = { given: this.#given, config: this.#config, before: '', prefix: word };
    if (this.#open !== null && !(this.#isOpenTaken && word.startsWith('-')))
      return { ...at, values: this.#open.value ?? 'nothing' };
    if (this.#isOnlyArguments || !word.startsWith('-')) return { ...at, values: this.#argument() };
    const [, name, value] = /^(--[a-z0-9-]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined) return { ...at, values: this.#options() };
    return { ...at, values: this.#option(name)?.value ?? 'nothing', before: `${name}=`, prefix: value ?? '' };
  }

  #argument(): Wanted['values'] {
    const { arguments: places } = this.#command;
    const place = places[this.#given.length] ?? (places.at(-1)?.many === true ? places.at(-1) : undefined);
    if (place !== undefined) return place.value;
    const children = this.#children();
    if (children.length === 0) return this.#options();
    // After a word that is none of them, nothing is known.
    return this.#given.length === 0 ? children : [];
  }

  #children(): CompletedWord[] {
    const start = this.#path === '' ? '' : `${this.#path} `;
    return Object.entries(this.#tree.commands).flatMap(([name, { about }]) => {
      const value = name.startsWith(start) ? name.slice(start.length) : '';
      return value === '' || value.includes(' ') ? [] : [{ value, about }];
    });
  }

  #options(): CompletedWord[] {
    const { options } = this.#command;
    const all =
      this.#path === '' ? options : [...options, ...this.#program.options.filter(({ value }) => value !== null)];
    return all.flatMap(({ names, about }) => names.map((value) => ({ value, about })));
  }

  #option(name: string): CompletedOption | undefined {
    return [...this.#command.options, ...this.#program.options].find(({ names }) => names.includes(name));
  }
}

const NO_COMMAND: Command = { about: '', options: [], arguments: [] };
