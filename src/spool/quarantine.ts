// Moves unreadable files to `quarantine/`, where they are kept for an admin and never sent. `set-aside.ts` limits the
// size of that folder.
//
// Guarantees: a file is moved by a rename, so no data is lost. A link is moved itself and not followed. If the name is
// taken, a number is added. A crash leaves the file at its old place or its new one.

import { basename, join } from 'node:path';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { publishFile } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { ownFolder } from '#system/own-folder.ts';
import { QUARANTINE } from './names.ts';

/** Why a file is set aside. */
export type EntryProblem =
  | { readonly kind: 'newer'; readonly format: number; readonly known: number }
  | { readonly kind: 'damaged'; readonly reason: string };

/** A free full name there for a file of the spool. */
export async function quarantinePlace(files: Files, dir: string, fileName: string): Promise<string> {
  const corner = join(dir, QUARANTINE);
  await ownFolder(files, corner, { mode: 0o700, what: 'the quarantine of the spool' });
  const taken = new Set(await files.list(corner));
  let name = fileName;
  for (let number = 2; taken.has(name); number += 1) name = `${fileName}.${number}`;
  return join(corner, name);
}

/**
 * Moves a file of the spool there. The error says what is wrong with it and where it is now; `name` is its new name.
 */
export async function moveToQuarantine(
  files: Files,
  dir: string,
  moved: { readonly fileName: string; readonly problem: EntryProblem },
): Promise<{ readonly error: CodedError; readonly name: string }> {
  const path = join(dir, moved.fileName);
  const { problem } = moved;
  const label = problem.kind === 'newer' ? `${moved.fileName}.format-${problem.format}` : moved.fileName;
  const aside = await quarantinePlace(files, dir, label);
  await publishFile(files, path, aside);
  return { error: describeProblem(path, aside, problem), name: basename(aside) };
}

export function describeProblem(path: string, aside: string, problem: EntryProblem): CodedError {
  if (problem.kind === 'damaged') return coded('STATE-DAMAGED', { path, reason: problem.reason, aside });
  return coded('STATE-NEWER', { path, found: problem.format, known: problem.known, aside });
}
