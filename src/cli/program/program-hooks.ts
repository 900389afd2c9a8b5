// What the pieces of `program.ts` share: the options of every command, and how a command comes to its action. Types only.

/** Options of every command. */
export interface Globals {
  readonly config?: string;
}

/** Makes the action of a command, which keeps its exit status. */
export type Does = <A extends unknown[]>(action: (...given: A) => Promise<number>) => (...given: A) => Promise<void>;

export interface Hooks {
  readonly globals: () => Globals;
  readonly does: Does;
}
