// Skips lines of an old log that are not about downloads, by their bytes. In a large log, these are nearly all lines.
// If each became a string, memory would fill faster than it is freed.
//
// Guarantees: a line is skipped only if it starts a new entry, if its time is not earlier than that of the line before,
// and if its message does not start like a message about a download. The time of the last skipped line is kept in
// `latest`. Pure.

const STAMP_LENGTH = 19;
/** The form of `2013-06-05T00:04:10`; each 0 stands for any digit. */
const STAMP = Buffer.from('0000-00-00T00:00:00');
const [ZERO, NINE, SPACE, OPEN, CLOSE] = [0x30, 0x39, 0x20, 0x5b, 0x5d];
/** First letters of the messages that `steps.ts` reads. */
const WORTH_READING = Buffer.from('DRAU');

/** Keeps the state of one log. */
export class SkippableLines {
  readonly #latest = Buffer.alloc(STAMP_LENGTH);
  #skipped = false;

  /** Whether the line between these offsets cannot matter. */
  skips(bytes: Uint8Array, from: number, to: number): boolean {
    if (!isStamped(bytes, from, to) || this.#isEarlier(bytes, from)) return false;
    const letter = bytes[messageAt(bytes, from + STAMP_LENGTH, to)];
    if (letter === undefined || WORTH_READING.includes(letter)) return false;
    for (let at = 0; at < STAMP_LENGTH; at += 1) this.#latest[at] = bytes[from + at] ?? ZERO;
    this.#skipped = true;
    return true;
  }

  /** The time of the last line that was skipped since the previous call; null if none was. */
  latest(): string | null {
    if (!this.#skipped) return null;
    this.#skipped = false;
    return this.#latest.toString('latin1');
  }

  /** Sets the time of a line that was not skipped: earlier lines after it are not skipped either. */
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

/** Where the message begins, after level, thread and other brackets; the end of `bytes` if it is not in this line. */
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
