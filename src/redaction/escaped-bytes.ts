// Undoes escapes in bytes, to rule out fast that a text contains one of the secrets that are searched for. Pure, except
// for the buffers.
//
// Guarantees: it undoes the same escapes as `layers.ts`, in the same three combinations, but in bytes. It is much
// faster, because it makes no strings and does not map places to the original. Some texts cannot be decided from bytes:
// halves of surrogate pairs, UTF-8 that was read as Latin-1, and line breaks. For these the result is null, and the
// caller uses `layers.ts`.

/** Enough for JSON within JSON that is percent-encoded three times, as in `layers.ts`. */
const MAX_PASSES = 6;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const MAX_CODE = 0x10_ffff;

/** Which escapes are undone. */
interface Reading {
  readonly web: boolean;
  readonly backslash: boolean;
}

/** Bytes with the escapes of one reading undone once more, and which kinds there were. */
interface Layer {
  readonly bytes: Buffer;
  readonly hadWeb: boolean;
  readonly hadBackslash: boolean;
}

/** Whether a search finds something in a layer of a text in UTF-8; null if the bytes do not tell. */
export function findsInLayers(text: Buffer, finds: (bytes: Buffer) => boolean): boolean | null {
  if (finds(text)) return true;
  if (hasBreak(text) || mayBeLatin1(text)) return null;
  const both = read(text, { web: true, backslash: true }, finds);
  if (both === null || both.found) return both === null ? null : true;
  // Escapes of one kind are undone in the same way, whether or not those of the other kind are also undone.
  if (!both.hadWeb || !both.hadBackslash) return false;
  for (const reading of [
    { web: true, backslash: false },
    { web: false, backslash: true },
  ]) {
    const one = read(text, reading, finds);
    if (one === null || one.found) return one === null ? null : true;
  }
  return false;
}

function read(text: Buffer, reading: Reading, finds: (bytes: Buffer) => boolean) {
  let [hadWeb, hadBackslash] = [false, false];
  let bytes: Buffer = Buffer.from(text);
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const layer = undo(bytes, reading);
    if (layer === null || mayBeLatin1(layer.bytes)) return null;
    if (!layer.hadWeb && !layer.hadBackslash) break;
    hadWeb ||= layer.hadWeb;
    hadBackslash ||= layer.hadBackslash;
    bytes = layer.bytes;
    if (finds(bytes) || (hasBreak(bytes) && finds(unfolded(bytes)))) return { found: true, hadWeb, hadBackslash };
  }
  return { found: false, hadWeb, hadBackslash };
}

/** An escape as one number, because there may be many: its code, and in the lowest bits its length in bytes. */
type Escape = number;
const NONE: Escape = -1;
const LENGTH_BITS = 5;

function escapeOf(code: number, length: number): Escape {
  return (code << LENGTH_BITS) | length;
}

/** Bytes that begin an escape of a reading. */
function startsOf({ web, backslash }: Reading): Uint8Array {
  const starts = new Uint8Array(256);
  for (const byte of web ? [PERCENT, AMPERSAND] : []) starts[byte] = 1;
  if (backslash) starts[BACKSLASH] = 1;
  return starts;
}

/** In place: what an escape stands for is never longer. Null for half of a surrogate pair. */
function undo(bytes: Buffer, reading: Reading): Layer | null {
  const starts = startsOf(reading);
  let [hadWeb, hadBackslash] = [false, false];
  let [at, to] = [0, 0];
  while (at < bytes.length) {
    const from = at;
    while (at < bytes.length && starts[bytes[at] ?? 0] === 0) at += 1;
    if (to !== from) bytes.copyWithin(to, from, at);
    to += at - from;
    if (at === bytes.length) break;
    const byte = bytes[at] ?? 0;
    const found = escapeAt(bytes, at);
    if (found === NONE) {
      bytes[to++] = byte;
      at += 1;
      continue;
    }
    const code = found >> LENGTH_BITS;
    if (code >= 0xd800 && code <= 0xdfff) return null;
    hadWeb ||= byte !== BACKSLASH;
    hadBackslash ||= byte === BACKSLASH;
    to = putCode(bytes, to, code);
    at += found & ((1 << LENGTH_BITS) - 1);
  }
  return { bytes: bytes.subarray(0, to), hadWeb, hadBackslash };
}

function escapeAt(bytes: Buffer, at: number): Escape {
  const byte = bytes[at];
  if (byte === AMPERSAND) return entityAt(bytes, at);
  if (byte === BACKSLASH) return backslashAt(bytes, at);
  const [start, digits] = bytes[at + 1] === 0x75 ? [2, 4] : [1, 2];
  const code = fixedHex(bytes, at + start, digits);
  return code === null ? NONE : escapeOf(code, start + digits);
}

const NAMED: ReadonlyMap<string, number> = new Map([
  ['amp', 0x26],
  ['lt', 0x3c],
  ['gt', 0x3e],
  ['quot', 0x22],
  ['apos', 0x27],
]);
const MAX_NAMED = 4;
const SEMICOLON = 0x3b;

function entityAt(bytes: Buffer, at: number): Escape {
  if (bytes[at + 1] !== 0x23) {
    const end = bytes.subarray(at + 1, at + 2 + MAX_NAMED).indexOf(SEMICOLON);
    const code = end < 0 ? undefined : NAMED.get(bytes.toString('latin1', at + 1, at + 1 + end));
    return code === undefined ? NONE : escapeOf(code, end + 2);
  }
  const isHex = bytes[at + 2] === 0x78 || bytes[at + 2] === 0x58;
  const start = at + (isHex ? 3 : 2);
  const number = isHex ? numberAt(bytes, start, { base: 16, most: 6 }) : numberAt(bytes, start, { base: 10, most: 7 });
  if (number === null) return NONE;
  const end = bytes[number.end] === SEMICOLON ? number.end + 1 : number.end;
  return escapeOf(number.value, end - at);
}

const SHORT: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x22, 0x22],
  [0x27, 0x27],
  [0x5c, 0x5c],
  [0x2f, 0x2f],
]);

function backslashAt(bytes: Buffer, at: number): Escape {
  const next = bytes[at + 1] ?? 0;
  const short = SHORT.get(next);
  if (short !== undefined) return escapeOf(short, 2);
  if (next === 0x78 || next === 0x58) {
    const code = fixedHex(bytes, at + 2, 2);
    return code === null ? NONE : escapeOf(code, 4);
  }
  if (next !== 0x75) return NONE;
  const code = fixedHex(bytes, at + 2, 4);
  if (code !== null) return escapeOf(code, 6);
  if (bytes[at + 2] !== 0x7b) return NONE;
  const number = numberAt(bytes, at + 3, { base: 16, most: 6 });
  return number === null || bytes[number.end] !== 0x7d ? NONE : escapeOf(number.value, number.end + 1 - at);
}

/** Up to eight zeros, then at most as many digits. Null without a digit, or for a number that is not a character. */
function numberAt(
  bytes: Buffer,
  start: number,
  { base, most }: { readonly base: 10 | 16; readonly most: number },
): { readonly value: number; readonly end: number } | null {
  let at = start;
  while (at < start + 8 && bytes[at] === 0x30) at += 1;
  let value = 0;
  let digits = 0;
  for (; digits < most; digits += 1) {
    const digit = digitOf(bytes[at + digits] ?? 0);
    if (digit >= base) break;
    value = value * base + digit;
  }
  const isZero = digits === 0 && at > start;
  if ((digits === 0 && !isZero) || value > MAX_CODE) return null;
  return { value, end: at + digits };
}

function fixedHex(bytes: Buffer, start: number, digits: number): number | null {
  let value = 0;
  for (let at = start; at < start + digits; at += 1) {
    const digit = digitOf(bytes[at] ?? 0);
    if (digit > 15) return null;
    value = value * 16 + digit;
  }
  return value;
}

/** 16 for a byte that is not a hex digit. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

/** Writes a character in UTF-8; returns its end. */
function putCode(bytes: Buffer, at: number, code: number): number {
  if (code < 0x80) {
    bytes[at] = code;
    return at + 1;
  }
  return at + bytes.write(String.fromCodePoint(code), at, 'utf8');
}

function hasBreak(bytes: Buffer): boolean {
  return bytes.includes(NEWLINE) || bytes.includes(RETURN);
}

/** Without line breaks and the blanks after them, as base64 is continued. */
function unfolded(bytes: Buffer): Buffer {
  const result = Buffer.allocUnsafe(bytes.length);
  let to = 0;
  let isAfterBreak = false;
  for (const byte of bytes) {
    const isBreak = byte === NEWLINE || byte === RETURN;
    isAfterBreak = isBreak || (isAfterBreak && (byte === 0x20 || byte === 0x09));
    if (!isAfterBreak) result[to++] = byte;
  }
  return result.subarray(0, to);
}

/** U+00C2 to U+00F4, and one of U+0080 to U+00BF after it. */
function mayBeLatin1(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0xc3); at !== -1; at = bytes.indexOf(0xc3, at + 1)) {
    if ((bytes[at + 1] ?? 0) >= 0x82 && bytes[at + 2] === 0xc2) return true;
  }
  return false;
}
