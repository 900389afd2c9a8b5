// The data of shell completion. Types only; `npm run generate` writes the data (tree.json) from the commands and the
// schema.

/** What an argument can be: words of a fixed list, or what must be looked up. */
export type CompletedValue =
  | 'files'
  | 'dirs'
  /** Names of proxy profiles; also `none`; also `none` and `default`. */
  | 'profiles'
  | 'profiles-or-none'
  | 'route'
  /** IDs of updates. */
  | 'ids'
  /** Keys of the configuration, and the values of the key before. */
  | 'keys'
  | 'key-value'
  | 'nothing'
  | readonly string[];

interface CompletedOption {
  /** Such as `-c` and `--config`. */
  readonly names: readonly string[];
  readonly about: string;
  /** Null for a flag. */
  readonly value: CompletedValue | null;
  /** Whether the words after the first value are also values. */
  readonly many: boolean;
}

interface CompletedCommand {
  readonly about: string;
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly { readonly value: CompletedValue; readonly many: boolean }[];
}

export interface CompletionTree {
  /** By their names, such as `proxy add`; the program itself has the empty name. */
  readonly commands: Readonly<Record<string, CompletedCommand>>;
  /** Values of each key, if they are a choice. An entry of a list is `proxies[].port`. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
}
