// The files of the pages, read once into memory. A request selects one of them by its exact name, so no path of a
// request reaches the file system.

import { gzipSync } from 'node:zlib';
import { coded } from '#errors/coded-error.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';

/** Each file of the bundle, with its type. */
const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
};
/** A hundred times the size of the bundle. */
const MAX_FILE_BYTES = 16_777_216;

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
}

/** The files by the path of their request. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Reads the bundle in this folder. @throws CodedError CONSOLE-PAGES */
export async function readPageFiles(files: Files, folder: string): Promise<PageFiles> {
  const found = new Map<string, PageFile>();
  for (const [name, type] of Object.entries(TYPES)) {
    const path = `${folder}/${name}`;
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(files, path, MAX_FILE_BYTES);
    } catch (thrown) {
      throw coded('CONSOLE-PAGES', { path }, thrown);
    }
    found.set(name === 'index.html' ? '/' : `/${name}`, { type, bytes, gzip: gzipSync(bytes) });
  }
  return found;
}
