// Types that the parts of `program.ts` share: the global options, and how a command gets the function that it runs.

/** Options of every command. */
export interface Globals {
  readonly config?: string;
}

/** Turns a function that returns an exit status into the action of a command. */
export type MakeAction = <A extends unknown[]>(
  action: (...given: A) => Promise<number>,
) => (...given: A) => Promise<void>;

export interface Hooks {
  readonly globals: () => Globals;
  readonly does: MakeAction;
}
