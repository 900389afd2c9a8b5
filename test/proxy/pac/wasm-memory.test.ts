import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { limitMemory, WASM_PAGE_BYTES } from '#proxy/pac/wasm-memory.ts';

/** The types of the program are without a browser's, where TypeScript keeps this one. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: { imports(module: object): { readonly module: string; readonly name: string }[] };
    compile(bytes: Uint8Array): Promise<object>;
    instantiate(bytes: Uint8Array): Promise<{ readonly instance: Instance }>;
    instantiate(module: object, imports: object): Promise<Instance>;
  };
};
interface Memory {
  grow(pages: number): number;
}
interface Instance {
  readonly exports: Readonly<Record<string, Memory>>;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** A memory section of the given content, then an export of that memory as `m`. */
const moduleOf = (...memory: number[]) =>
  Uint8Array.from([...MAGIC, 5, memory.length, ...memory, 7, 5, 1, 1, 0x6d, 2, 0]);

async function memoryOf(module: Uint8Array): Promise<Memory | undefined> {
  const { instance } = await WebAssembly.instantiate(module);
  return instance.exports['m'];
}

describe('limitMemory', () => {
  it('makes the engine refuse to grow a memory past the maximum', async () => {
    const unlimited = await memoryOf(moduleOf(1, 0, 1));
    expect(unlimited?.grow(300)).toBe(1);

    const limited = await memoryOf(limitMemory(moduleOf(1, 0, 1), 300 * WASM_PAGE_BYTES));
    expect(limited?.grow(299)).toBe(1);
    expect(() => limited?.grow(1)).toThrow(/grow/);
  });

  it('gives the interpreter of PAC files a maximum, whatever version is installed', async () => {
    const file = new URL('../../../node_modules/quickjs-wasi/quickjs.wasm', import.meta.url);
    const module = await WebAssembly.compile(limitMemory(readFileSync(file), 64 * WASM_PAGE_BYTES));
    const missing = () => 0;
    const imports: Record<string, Record<string, () => number>> = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] = { ...imports[from], [name]: missing };
    }
    const { exports } = await WebAssembly.instantiate(module, imports);
    expect(() => exports['memory']?.grow(64)).toThrow(/grow/);
  });

  it.each([
    ['that is invalid', Uint8Array.from([1, 2, 3]), /no WebAssembly module/],
    ['without a memory', Uint8Array.from(MAGIC), /no memory of its own/],
    ['with a maximum already', moduleOf(1, 1, 1, 2), /unexpected form/],
    ['with two memories', moduleOf(2, 0, 1, 0, 1), /unexpected form/],
    ['that needs more than the maximum', moduleOf(1, 0, 3), /unexpected form/],
    ['that is cut', Uint8Array.from([...MAGIC, 5, 0x80]), /middle of a number/],
  ])('refuses a module %s', (_which, module, reason) => {
    expect(() => limitMemory(module, 2 * WASM_PAGE_BYTES)).toThrow(reason);
  });
});
