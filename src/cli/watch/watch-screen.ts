// Draws lines on the whole window of a terminal, without flicker, and leaves the terminal as it was.
//
// Guarantees: only changed lines are written, in one write. It is marked as a synchronized update, which terminals that
// do not know it ignore. No line wraps. `end` restores the earlier content and the cursor. Relies on lines without
// control characters.

const ESC = '\u001b[';
/** The alternate screen, without cursor and without wrapping of long lines (xterm, DEC private modes). */
const BEGIN = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`;
const END = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** DEC mode 2026. */
const SYNCHRONIZED = [`${ESC}?2026h`, `${ESC}?2026l`] as const;
const ERASE = `${ESC}2K`;

export class WatchScreen {
  readonly #write: (text: string) => void;
  #shown: readonly string[] = [];
  #hasBegun = false;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Shows these lines, from the first row on. */
  show(lines: readonly string[]): void {
    const rows = Math.max(lines.length, this.#shown.length);
    const changed: string[] = [];
    for (let row = 0; row < rows; row += 1) {
      const line = lines[row] ?? '';
      const before = this.#shown[row] ?? '';
      if (this.#hasBegun && line === before) continue;
      // Erased first: after a line of the full width, the cursor is still on its last character.
      const erase = covers(line, before) ? '' : ERASE;
      changed.push(`${ESC}${row + 1};1H${erase}${line}`);
    }
    const begin = this.#hasBegun ? '' : BEGIN;
    this.#shown = [...lines];
    this.#hasBegun = true;
    if (changed.length > 0) this.#write(`${begin}${SYNCHRONIZED[0]}${changed.join('')}${SYNCHRONIZED[1]}`);
  }

  /** The window has another size: everything is drawn again. */
  clear(): void {
    if (!this.#hasBegun) return;
    this.#hasBegun = false;
    this.#shown = [];
  }

  end(): void {
    if (this.#shown.length > 0 || this.#hasBegun) this.#write(END);
  }
}

/** Whether a line hides the previous one of its row completely. The width of other characters than ASCII is not known. */
function covers(line: string, before: string): boolean {
  return line.length >= before.length && /^[ -~]*$/.test(`${line}${before}`);
}
