// The type of a frame for a display.

export interface Frame {
  /** One for each row. */
  readonly lines: readonly string[];
  /** Null if nothing is entered. */
  readonly cursor: { readonly row: number; readonly column: number } | null;
}
