// Joins the lines of an old log into entries. An entry begins with a time, such as `2026-11-20T00:04:10`. Lines after
// it that have no time belong to it.
//
// Guarantees: pure, with bounded memory: only the first part of a long entry is kept. Lines before the first time are
// dropped.

/** One entry of a log. */
export interface LogEntry {
  /** Local time without a zone, `2013-06-05T00:04:10`. */
  readonly stamp: string;
  /** The rest of the entry, its lines joined by a space. */
  readonly text: string;
}

const STAMP_LENGTH = 19;
const STAMP = /^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d/;
/** Maximum length of an entry in characters. Relevant messages have about a hundred; the rest may be a stack trace. */
const TEXT_LIMIT = 2_000;

/** Joins the lines of one log. */
export class EntryJoiner {
  #stamp: string | null = null;
  #text = '';

  /** Adds a line. Returns the previous entry if this line begins a new one. */
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

  /** The time of the unfinished entry; null if there is none. */
  get stamp(): string | null {
    return this.#stamp;
  }

  /** Ends the unfinished entry and returns it. */
  end(): LogEntry | null {
    const stamp = this.#stamp;
    this.#stamp = null;
    return stamp === null ? null : { stamp, text: this.#text };
  }
}
