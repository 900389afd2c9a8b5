// Sets a memory limit in a WebAssembly module that defines its own memory. Pure.
//
// Guarantees: the engine itself refuses to grow the memory past the limit. This also holds within one native call of
// the interpreter, where no other code checks the size. A module of another form is refused, so no module is returned
// without a limit. Format: https://webassembly.github.io/spec/core/binary/modules.html

/** The size of a WebAssembly memory page. */
export const WASM_PAGE_BYTES = 65_536;

const MAGIC_AND_VERSION = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const MEMORY_SECTION = 5;
/** The flag of a memory with a minimum and no maximum; no other form is expected here. */
const MINIMUM_ONLY = 0x00;
const MINIMUM_AND_MAXIMUM = 0x01;

/**
 * The module with a limit for its one memory.
 * @throws Error if the bytes are not a module, or the module has another form
 */
export function limitMemory(module: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
  if (!bytes.subarray(0, MAGIC_AND_VERSION.length).equals(MAGIC_AND_VERSION)) throw new Error('no WebAssembly module');
  let at = MAGIC_AND_VERSION.length;
  while (at < bytes.length) {
    const size = readNumber(bytes, at + 1);
    const end = size.next + size.value;
    if (bytes[at] === MEMORY_SECTION) {
      const section = limited(bytes.subarray(size.next, end), Math.floor(maxBytes / WASM_PAGE_BYTES));
      const head = Buffer.from([MEMORY_SECTION, ...written(section.length)]);
      return new Uint8Array(Buffer.concat([bytes.subarray(0, at), head, section, bytes.subarray(end)]));
    }
    at = end;
  }
  throw new Error('the WebAssembly module has no memory of its own');
}

/** The content of the memory section: a count, then a flag, the minimum, and with it the maximum. */
function limited(section: Buffer, maxPages: number): Buffer {
  const [count, flag] = section;
  const minimum = readNumber(section, 2);
  if (count !== 1 || flag !== MINIMUM_ONLY || minimum.next !== section.length || minimum.value > maxPages) {
    throw new Error('the WebAssembly module has a memory of an unexpected form');
  }
  return Buffer.from([1, MINIMUM_AND_MAXIMUM, ...written(minimum.value), ...written(maxPages)]);
}

/** An unsigned number as LEB128. */
function readNumber(bytes: Buffer, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  // A number of 32 bits takes at most five bytes.
  for (let at = 0; at < 5; at += 1) {
    const byte = bytes[from + at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { value, next: from + at + 1 };
  }
  throw new Error('the WebAssembly module ends in the middle of a number');
}

function written(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...written(value >>> 7)];
}
