// Counts the values of a JSON text before `JSON.parse` reads it, so that a text with too many is refused. Pure.
//
// `JSON.parse` cannot be interrupted: 4 MiB of brackets take a second, in which nothing else runs. Counting takes a few
// milliseconds per MiB and stops at the first limit that is exceeded. The syntax is not checked: if a text is not JSON,
// the count means nothing, and `JSON.parse` reports the error.

/** Limits on the structure of a document. */
export interface JsonLimits {
  /** Values and keys together. */
  readonly values: number;
  /** Nesting of arrays and objects. */
  readonly depth: number;
}

/** The limit that a document exceeds. `found` is a lower bound, since counting stops there. */
export interface JsonExcess {
  readonly what: 'values' | 'depth';
  readonly found: number;
  readonly limit: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The first limit that these bytes exceed, or null. */
export function checkJsonShape(bytes: Uint8Array, limits: JsonLimits): JsonExcess | null {
  let values = 1;
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        values += 1;
        depth += 1;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      case COMMA:
      case COLON:
        values += 1;
        break;
      default:
    }
    if (depth > limits.depth) return { what: 'depth', found: depth, limit: limits.depth };
    if (values > limits.values) return { what: 'values', found: values, limit: limits.values };
  }
  return null;
}

/** Index of the quote that closes the string that begins at `from`, or the end of the text if there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from + 1; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at += 1;
  }
  return bytes.length;
}
