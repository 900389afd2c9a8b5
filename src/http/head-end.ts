// Finds where a response head ends in a stream of bytes: behind CR LF CR LF, wherever the chunks are cut.
//
// It decides nothing: the bytes up to there go to Node's strict parser, which accepts no other end of a head (measured:
// bare LF, CR CR LF and a space before LF are refused), so the two can't disagree about where the body begins. Keeps
// one number; a head of any length costs no memory here.

const CR = 0x0d;
const LF = 0x0a;
const TERMINATOR = [CR, LF, CR, LF];

/** Carries the search from chunk to chunk. */
export class HeadEnd {
  #matched = 0;

  /** Index behind the head that ends in this chunk at or after `from`, else the chunk's length. */
  find(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === TERMINATOR[this.#matched]) this.#matched += 1;
      else this.#matched = byte === CR ? 1 : 0;
      if (this.#matched === TERMINATOR.length) {
        this.#matched = 0;
        return at + 1;
      }
    }
    return chunk.length;
  }
}
