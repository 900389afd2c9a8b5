// The least that any program must do with a file of documents: parse each line, and have the file on disk.
//
// As a program, its arguments are the file to read, and the copy to write.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export function readLines(file: string): readonly string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

export function parseEach(lines: readonly string[]): void {
  for (const line of lines) JSON.parse(line);
}

/** Copies the file, durably. */
export function copyDurably(file: string, copy: string): void {
  execFileSync('dd', [`if=${file}`, `of=${copy}`, 'bs=64K', 'conv=fsync', 'status=none']);
}

if (import.meta.main) {
  const [file = '', copy = ''] = process.argv.slice(2);
  parseEach(readLines(file));
  copyDurably(file, copy);
}
