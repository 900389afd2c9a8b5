// What a display shows. Types only.

export interface Frame {
  /** One for each row. */
  readonly lines: readonly string[];
  /** Null if nothing is entered. */
  readonly cursor: { readonly row: number; readonly column: number } | null;
}
