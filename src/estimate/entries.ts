// Lines of an old log made into entries: an entry begins with the manual's time, and what was wrapped belongs to it.
//
// Guarantees: pure, and bounded whatever the lines hold: of an entry that grows on and on the first part is kept. Lines
// before the first time are dropped.

/** One entry of a log. */
export interface LogEntry {
  /** Local time without a zone, `2013-06-05T00:04:10`. */
  readonly stamp: string;
  /** What follows it, wrapped lines joined by a space. */
  readonly text: string;
}

const STAMP_LENGTH = 19;
const STAMP = /^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d/;
/** The messages that matter have a hundred characters; a stack trace behind another one does not matter. */
const TEXT_LIMIT = 2_000;

/** Takes lines, gives entries. */
export class EntryJoiner {
  #stamp: string | null = null;
  #text = '';

  /** The entry that this line ends, if it ends one. */
  next(line: string): LogEntry | null {
    if (STAMP.test(line)) {
      const before = this.end();
      this.#stamp = line.slice(0, STAMP_LENGTH);
      this.#text = line.slice(STAMP_LENGTH, STAMP_LENGTH + TEXT_LIMIT);
      return before;
    }
    if (this.#stamp !== null && this.#text.length < TEXT_LIMIT) {
      this.#text += ` ${line.slice(0, TEXT_LIMIT)}`;
    }
    return null;
  }

  /** The time of the entry that has begun. */
  get stamp(): string | null {
    return this.#stamp;
  }

  /** The last entry. */
  end(): LogEntry | null {
    const stamp = this.#stamp;
    this.#stamp = null;
    return stamp === null ? null : { stamp, text: this.#text };
  }
}
