// Writes frames to a terminal. With cursor control (VT100, ECMA-48), each changed line is overwritten in its place.
// Without it (TERM=dumb), each screen is written below the previous one. If only its last line changes, that line is
// overwritten.
//
// Guarantees: no colors or attributes are used. The cursor is at the position of the next character.

import type { Frame } from '#menu/view/frame-type.ts';

const CSI = '\u001b[';
/** Clears the display, and asks for bracketed paste (xterm). Terminals that do not know it ignore it. */
const BEGIN = `${CSI}H${CSI}2J${CSI}?2004h`;
const SHOW_CURSOR = `${CSI}?25h`;
const HIDE_CURSOR = `${CSI}?25l`;

export class ScreenWriter {
  readonly #write: (text: string) => void;
  readonly #isDumb: boolean;
  #shown: readonly string[] = [];
  #hasBegun = false;

  constructor(write: (text: string) => void, { isDumb }: { readonly isDumb: boolean }) {
    this.#write = write;
    this.#isDumb = isDumb;
  }

  /** Forgets what is on the display, so that the next frame clears it: a terminal moves lines when its size changes. */
  forget(): void {
    this.#shown = [];
    this.#hasBegun = false;
  }

  /** Shows a frame in place of the last one. */
  show(frame: Frame): void {
    const text = this.#isDumb ? this.#dumb(frame) : this.#addressed(frame);
    this.#shown = frame.lines;
    this.#hasBegun = true;
    if (text !== '') this.#write(text);
  }

  /** Leaves the terminal usable: the cursor below the display, and no bracketed paste. */
  end(): void {
    if (!this.#hasBegun) return;
    this.#write(this.#isDumb ? '\r\n' : `${CSI}?2004l${SHOW_CURSOR}${CSI}${this.#shown.length};1H\r\n`);
  }

  #addressed({ lines, cursor }: Frame): string {
    const changed = lines.map((line, row) => (line === this.#shown[row] ? '' : `${CSI}${row + 1};1H${line}${CSI}K`));
    const place = cursor === null ? HIDE_CURSOR : `${CSI}${cursor.row + 1};${cursor.column + 1}H${SHOW_CURSOR}`;
    return `${this.#hasBegun ? '' : BEGIN}${changed.join('')}${place}`;
  }

  /** Rules and empty lines are left out, because each screen follows the last one. */
  #dumb({ lines, cursor }: Frame): string {
    const before = this.#shown.filter(isText);
    const now = lines.filter(isText);
    const row = cursor === null ? now.length - 1 : lines.slice(0, cursor.row).filter(isText).length;
    const isSame = before.length === now.length && now.every((line, index) => index === row || line === before[index]);
    const line = cursor === null ? (now[row] ?? '') : (lines[cursor.row] ?? '');
    if (isSame && before[row] === now[row] && this.#hasBegun) return '';
    const width = Math.max(line.length, before[row]?.length ?? 0);
    if (isSame && cursor !== null && this.#hasBegun) return `\r${line.padEnd(width)}\r${line.slice(0, cursor.column)}`;
    // The line that is entered comes last, so that it can change in place.
    const above = cursor === null ? now : now.filter((_, index) => index !== row || !isText(line));
    const entered = cursor === null ? '' : `${line}\r${line.slice(0, cursor.column)}`;
    return `${this.#hasBegun ? '\r\n' : ''}${above.map((one) => `${one}\r\n`).join('')}${entered}`;
  }
}

const isText = (line: string) => !/^-*$/.test(line);
