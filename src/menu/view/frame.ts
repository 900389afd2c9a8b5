// Draws a screen as lines of text and a position of the cursor, for a display of 80x24 or 16x2 characters. Pure.
//
// Guarantees: no line is wider than the display, and no frame contains a password, a PIN or an activation key.

import { largeRows, sizeNote, tooSmallNote } from '#menu/model/display.ts';
import { type MenuState, SIZES } from '#menu/model/screens.ts';
import { wrapText } from '#menu/model/text.ts';
import type { Frame } from './frame-type.ts';
import { keyHint } from './labels.ts';
import { largeFrame } from './large.ts';
import { smallFrame } from './small.ts';

/** Rows of a note at most: the keys and the size, in a window of 16 columns. */
const MAX_NOTE_ROWS = 12;

/** The frame of a state. */
export function frameOf(state: MenuState): Frame {
  const { size, window } = state;
  const note = tooSmallNote(window);
  if (note !== null) return { lines: [note.slice(0, window?.columns)], cursor: null };
  const { lines, cursor } = size === '16x2' ? smallFrame(state) : largeFrame(state);
  const { columns } = SIZES[size];
  const rows = size === '16x2' ? SIZES['16x2'].rows : largeRows(window);
  const shown = Array.from({ length: rows }, (_, row) => (lines[row] ?? '').slice(0, columns).trimEnd());
  return { lines: [...shown, ...belowSmall(state)], cursor };
}

/** The rows below the small layout in a larger terminal: the keys, and why it is shown. Their number never changes. */
function belowSmall(state: MenuState): string[] {
  const { window, screen } = state;
  const note = sizeNote(state);
  if (note === null || window === null) return [];
  const texts = ['', keyHint(screen), '', note].flatMap((text) => wrapText(text, window.columns));
  const rows = Math.min(MAX_NOTE_ROWS, window.rows - SIZES['16x2'].rows);
  return Array.from({ length: rows }, (_, row) => texts[row] ?? '');
}
