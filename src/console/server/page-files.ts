// The files of the pages, read once into memory. A request selects one of them by its exact name, so no path of a
// request reaches the file system.

import { gzipSync } from 'node:zlib';
import { coded } from '#errors/coded-error.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';

/** The types of the files of the bundle, by the end of their names. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};
const BUNDLE_FILE = /^[a-z][a-z-]*\.(html|js|css)$/;
const FIRST_FILE = 'index.html';
/** A hundred times the size of the bundle. */
const MAX_FILE_BYTES = 16_777_216;

interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
}

/** The files by the path of their request. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Reads the bundle in this folder. @throws CodedError CONSOLE-PAGES */
export async function readPageFiles(files: Files, folder: string): Promise<PageFiles> {
  const found = new Map<string, PageFile>();
  for (const name of await namesIn(files, folder)) {
    const path = `${folder}/${name}`;
    const [, kind = ''] = BUNDLE_FILE.exec(name) ?? [];
    const type = TYPES[kind];
    if (type === undefined) continue;
    let bytes: Uint8Array;
    try {
      bytes = await readWhole(files, path, MAX_FILE_BYTES);
    } catch (thrown) {
      throw coded('CONSOLE-PAGES', { path }, thrown);
    }
    found.set(name === FIRST_FILE ? '/' : `/${name}`, { type, bytes, gzip: gzipSync(bytes) });
  }
  return found;
}

/** @throws CodedError CONSOLE-PAGES without the first file, which is written last */
async function namesIn(files: Files, folder: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await files.list(folder);
  } catch (thrown) {
    throw coded('CONSOLE-PAGES', { path: folder }, thrown);
  }
  if (!names.includes(FIRST_FILE)) throw coded('CONSOLE-PAGES', { path: `${folder}/${FIRST_FILE}` });
  return names;
}
