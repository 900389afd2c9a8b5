// A screen as lines of text and the place of the cursor, for a display of 80 columns and 24 rows or of 16 and 2. Pure.
//
// Guarantees: no line is wider than the display, and no frame contains a password, a PIN or an activation key.

import { type MenuState, SIZES } from '#menu/model/screens.ts';
import type { Frame } from './frame-type.ts';
import { largeFrame } from './large.ts';
import { smallFrame } from './small.ts';

/** The frame of a state. */
export function frameOf(state: MenuState): Frame {
  const { lines, cursor } = state.size === '16x2' ? smallFrame(state) : largeFrame(state);
  const { rows, columns } = SIZES[state.size];
  return { lines: Array.from({ length: rows }, (_, row) => (lines[row] ?? '').slice(0, columns).trimEnd()), cursor };
}
