// Edits one field, with a few keys or with a keyboard. Pure.
//
// Up and Down change the character at the cursor, and Left and Right move the cursor. A position can also be blank: the
// text then ends before it, and the rest is hidden. When the cursor moves or the field is accepted, the hidden rest is
// deleted. The accepted text is therefore always the text that is shown.

import { acceptCharacter, CHARACTERS, type FieldName, MAX_LENGTH, nameCharacter } from './characters.ts';
import type { Key } from './keys.ts';

/** Why a character or the whole field is refused. `short` has at most two rows of the small display. */
export interface FieldError {
  readonly short: string;
  readonly more: string;
  /**
   * A typed character was refused. Further text is ignored until another key, so that a password that is typed blindly is
   * not stored without that character.
   */
  readonly holds?: true;
}

export interface FieldState {
  readonly name: FieldName;
  readonly text: string;
  /** The place of the cursor, from 0 to the length of the text. */
  readonly cursor: number;
  /** Whether the place at the cursor is blank although there is text behind it. */
  readonly isCut: boolean;
  /** Whether nothing has been changed: typing replaces the shown text, and ENTER keeps the stored value. */
  readonly isKept: boolean;
  /** Whether the character at the cursor was selected with Up or Down, so that it is shown even if it is secret. */
  readonly isPicked: boolean;
  readonly error: FieldError | null;
  /** Shown instead of a stored value that is kept and secret. */
  readonly placeholder: string;
}

/** A field that shows this text. */
export function openField(name: FieldName, text: string, placeholder = ''): FieldState {
  return { name, text, cursor: 0, isCut: false, isKept: true, isPicked: false, error: null, placeholder };
}

/** The text that ENTER would take. */
export function fieldText({ text, cursor, isCut }: FieldState): string {
  return isCut ? text.slice(0, cursor) : text;
}

/** The field after a key. Null if the key does not belong to the field: ENTER, Esc, and Left at the first character. */
export function editField(before: FieldState, key: Key): FieldState | null {
  if (before.error?.holds === true) {
    if (key.kind === 'text' || key.kind === 'paste') return before;
    if (key.kind === 'enter') return { ...before, error: null };
  }
  const field = { ...before, error: null };
  switch (key.kind) {
    case 'up':
      return pick(field, 1);
    case 'down':
      return pick(field, -1);
    case 'left':
      return field.cursor === 0 ? null : moveTo(settle(field), field.cursor - 1);
    case 'right':
      return moveTo(settle(field), field.cursor + 1);
    case 'home':
      return moveTo(settle(field), 0);
    case 'end':
      return moveTo(settle(field), fieldText(field).length);
    case 'backspace':
      return field.isKept ? clear(field) : cut(settle(field), field.cursor - 1);
    case 'delete':
      return field.isKept ? clear(field) : cut(settle(field), field.cursor);
    case 'text':
      return insert(field, [...key.text]);
    case 'paste':
      // Terminals often add the line end of the copied line.
      return insert(field, [...key.text.replace(/[\r\n]+$/, '')]);
    default:
      return null;
  }
}

function pick(field: FieldState, by: 1 | -1): FieldState {
  const { name, text, cursor, isCut } = field;
  const set = CHARACTERS[name];
  if (cursor >= MAX_LENGTH[name]) return { ...field, error: tooLong(name) };
  const shown = isCut ? '' : text.charAt(cursor);
  // A stored value may have a character that the field does not accept; the first step leaves it.
  const at = shown === '' ? -1 : set.indexOf(shown);
  const places = set.length + 1;
  const next = ((at + 1 + by + places) % places) - 1;
  const changed = { ...field, isKept: false, isPicked: next !== -1 };
  if (next === -1) {
    // The last character of a text can be removed at once, because nothing is behind it.
    return cursor >= text.length - 1
      ? { ...changed, text: text.slice(0, cursor), isCut: false }
      : { ...changed, isCut: true };
  }
  return { ...changed, isCut: false, text: text.slice(0, cursor) + set.charAt(next) + text.slice(cursor + 1) };
}

/** Removes what a blank place hides. */
function settle(field: FieldState): FieldState {
  return field.isCut ? { ...field, text: fieldText(field), isCut: false } : field;
}

function moveTo(field: FieldState, cursor: number): FieldState {
  return { ...field, cursor: Math.max(0, Math.min(cursor, field.text.length)), isPicked: false };
}

function clear(field: FieldState): FieldState {
  return { ...field, text: '', cursor: 0, isCut: false, isKept: false, isPicked: false };
}

function cut(field: FieldState, at: number): FieldState {
  if (at < 0) return field;
  return { ...field, text: field.text.slice(0, at) + field.text.slice(at + 1), cursor: at, isPicked: false };
}

/** All characters or none: part of a pasted password would be mistaken for the whole. */
function insert(given: FieldState, characters: readonly string[]): FieldState {
  const { name } = given;
  if (characters.length === 0) return given;
  const field = given.isKept && given.cursor === 0 ? { ...clear(given), isKept: given.isKept } : settle(given);
  const accepted = characters.map((one) => acceptCharacter(name, one));
  const wrong = accepted.indexOf(null);
  if (wrong !== -1) {
    const character = characters[wrong] ?? '';
    return { ...given, error: refuseCharacter(name, character, field.cursor + wrong + 1) };
  }
  const text = field.text.slice(0, field.cursor) + accepted.join('') + field.text.slice(field.cursor);
  if (text.length > MAX_LENGTH[name]) return { ...given, error: tooLong(name) };
  return { ...field, text, cursor: field.cursor + accepted.length, isKept: false, isPicked: false };
}

const MORE: Readonly<Partial<Record<FieldName, Readonly<Record<string, string>>>>> = {
  host: {
    ':': 'THE PORT IS ON THE NEXT SCREEN. IPV6 ADDRESSES AND URLS ARE NOT ACCEPTED.',
    '/': 'ENTER ONLY A NAME OR AN IP ADDRESS, NOT A URL.',
    _: 'HOST NAMES OF PROXIES HAVE NO UNDERSCORE.',
  },
  user: { ':': 'A USER NAME CANNOT CONTAIN A COLON.' },
};

const ALLOWED: Readonly<Record<FieldName, string>> = {
  host: 'ALLOWED: LETTERS, DIGITS, DOT, HYPHEN.',
  port: 'ALLOWED: DIGITS.',
  user: 'ALLOWED: LETTERS, DIGITS AND _-\\@.',
  password: 'ALLOWED: LETTERS, DIGITS AND ASCII PUNCTUATION EXCEPT APOSTROPHE.',
  pin: 'ALLOWED: DIGITS.',
  key: 'ALLOWED: LETTERS, DIGITS.',
};

function refuseCharacter(name: FieldName, character: string, position: number): FieldError {
  return {
    short: `${nameCharacter(character)} AT ${position} NOT ALLOWED`,
    more: MORE[name]?.[character] ?? ALLOWED[name],
    holds: true,
  };
}

function tooLong(name: FieldName): FieldError {
  return { short: `AT MOST ${MAX_LENGTH[name]} CHARACTERS`, more: '', holds: true };
}
