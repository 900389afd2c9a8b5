// Chooses the layout of the menu and its number of rows from the size of the terminal. Pure.
//
// Guarantees: a screen fits into the window of its terminal. If a terminal is too small for the large layout, it gets
// the small one and a note that says which size the large one needs.

import { type DisplayFacts, type MenuWindow, SIZES, type SizeName } from './screens.ts';

/** The fewest rows of the large layout: the longest list has 9 lines. */
const MIN_LARGE_ROWS = 18;
/** Rows of the large layout around its body, and between its parts. */
const FRAME_ROWS = 10;

/** The layout for this window. */
export function layoutFor({ chosen, window }: DisplayFacts): SizeName {
  if (chosen === '16x2' || window === null) return chosen;
  return window.columns >= SIZES['80x24'].columns && window.rows >= MIN_LARGE_ROWS ? '80x24' : '16x2';
}

/** Rows of the large layout. */
export function largeRows(window: MenuWindow | null): number {
  const { rows } = SIZES['80x24'];
  return window === null ? rows : Math.max(MIN_LARGE_ROWS, Math.min(rows, window.rows));
}

/** Rows for a text or a list in the large layout. */
export function bodyRows(window: MenuWindow | null): number {
  return largeRows(window) - FRAME_ROWS;
}

/** Why the small layout is shown although the large one was chosen; null if it was not. */
export function sizeNote({ chosen, window }: DisplayFacts): string | null {
  if (window === null || layoutFor({ chosen, window }) === chosen) return null;
  const { columns } = SIZES['80x24'];
  return `This terminal has ${window.columns}x${window.rows}. Full screens need ${columns}x${MIN_LARGE_ROWS}.`;
}

/** What is shown instead if the window is too small for both; null if it is not. */
export function tooSmallNote(window: MenuWindow | null): string | null {
  const { columns, rows } = SIZES['16x2'];
  if (window === null || (window.columns >= columns && window.rows >= rows)) return null;
  return `NEEDS ${columns}x${rows}`;
}
