// Draws a field within a given width: its value without secrets, and the position of the cursor. Pure.

import { type FieldState, fieldText } from '#menu/model/field.ts';

/** The displayed value, and the column of the cursor in it. */
export interface ShownField {
  readonly text: string;
  readonly cursor: number;
}

const SECRET: ReadonlySet<FieldState['name']> = new Set(['password', 'pin', 'key']);
const GROUP = 4;
const KEY_PLACES = 16;

/** The part of the value around the cursor. */
export function showField(field: FieldState, columns: number): ShownField {
  const { cursor, isKept, name, placeholder } = field;
  const value = fieldText(field);
  // 19 columns do not fit into 16, so the small display has no hyphens between the groups.
  if (name === 'key') return { text: mask(field).padEnd(KEY_PLACES, '_'), cursor: Math.min(cursor, KEY_PLACES - 1) };
  if (isKept && value === '') return { text: placeholder.slice(0, columns), cursor: 0 };
  const whole = SECRET.has(name) ? mask(field) : value;
  // The cursor can be one place behind the text.
  const first = Math.max(0, cursor - columns + 1);
  return { text: whole.slice(first, first + columns), cursor: cursor - first };
}

/** A star for each character. Only a character that is being selected is shown, because one cannot select unseen. */
function mask(field: FieldState): string {
  const { cursor, isPicked } = field;
  return [...fieldText(field)].map((one, index) => (isPicked && index === cursor ? one : '*')).join('');
}

/** The same with hyphens between groups of four. */
export function spreadGroups({ text, cursor }: ShownField): ShownField {
  const groups = text.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? [];
  return { text: groups.join('-'), cursor: cursor + Math.floor(cursor / GROUP) };
}
