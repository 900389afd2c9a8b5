// Tells lines of an old log that cannot matter by their bytes, before a string is made of them: of some hundred megabytes
// nearly all lines are such, and strings of them would fill the memory faster than it is emptied.
//
// Guarantees: a line is boring only if it begins an entry, later than or as late as every one before, whose message does
// not begin like one of a download. Times of boring lines are not lost: `latest` has the last one. Pure.

const STAMP_LENGTH = 19;
/** `2013-06-05T00:04:10`, with a digit where the 0 is. */
const STAMP = Buffer.from('0000-00-00T00:00:00');
const [ZERO, NINE, SPACE, OPEN, CLOSE] = [0x30, 0x39, 0x20, 0x5b, 0x5d];
/** First letters of the messages that `steps.ts` reads. */
const WORTH_READING = Buffer.from('DRAU');

/** Follows one log. */
export class BoringLines {
  readonly #latest = Buffer.alloc(STAMP_LENGTH);
  #skipped = false;

  /** Whether the line between these places cannot matter. */
  skips(bytes: Uint8Array, from: number, to: number): boolean {
    if (!isStamped(bytes, from, to) || this.#isEarlier(bytes, from)) return false;
    const letter = bytes[messageAt(bytes, from + STAMP_LENGTH, to)];
    if (letter === undefined || WORTH_READING.includes(letter)) return false;
    for (let at = 0; at < STAMP_LENGTH; at += 1) this.#latest[at] = bytes[from + at] ?? ZERO;
    this.#skipped = true;
    return true;
  }

  /** The time of the last line that was skipped since this was asked before; null when none was. */
  latest(): string | null {
    if (!this.#skipped) return null;
    this.#skipped = false;
    return this.#latest.toString('latin1');
  }

  /** A line that was not skipped has this time: what is earlier from here on is not boring. */
  note(stamp: string): void {
    this.#latest.write(stamp, 'latin1');
  }

  #isEarlier(bytes: Uint8Array, from: number): boolean {
    for (let at = 0; at < STAMP_LENGTH; at += 1) {
      const more = (bytes[from + at] ?? 0) - (this.#latest[at] ?? 0);
      if (more !== 0) return more < 0;
    }
    return false;
  }
}

function isStamped(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < STAMP_LENGTH) return false;
  for (let at = 0; at < STAMP_LENGTH; at += 1) {
    const byte = bytes[from + at] ?? 0;
    const wanted = STAMP[at];
    if (wanted === ZERO ? byte < ZERO || byte > NINE : byte !== wanted) return false;
  }
  return true;
}

/** Where the message begins, behind level, thread and whatever else is in brackets; `to` when it is not in this line. */
function messageAt(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== SPACE) at += 1;
  while (at + 1 < to && bytes[at] === SPACE && bytes[at + 1] === OPEN) {
    while (at < to && bytes[at] !== CLOSE) at += 1;
    at += 1;
  }
  if (bytes[at] === SPACE) at += 1;
  return at < to ? at : bytes.length;
}
