// Replaces the whole text of the configuration file, as a person edited it, and waits until the daemon has applied it.
//
// Guarantees: the text is written only if a start would accept it, and only if the file still has the content that the
// person saw. The rename of the file commits the change.

import { editConfigFile } from '#config/editing/edit-file.ts';
import type { LoadResult, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeContext } from './context.ts';
import { awaitDaemon } from './daemon-outcome.ts';
import { type MadeChange, newWarnings } from './make.ts';

/** The text to write. */
export interface EditedText {
  readonly file: string;
  /** SHA-256, in hex, of the content that the text was made from. */
  readonly digest: string;
  readonly text: string;
  /** The settings before; its warnings are not reported again. */
  readonly before: LoadResult;
}

/** @throws CodedError of `editConfigFile`; then nothing is changed */
export async function replaceText(
  context: ChangeContext,
  { file, digest, text, before }: EditedText,
): Promise<MadeChange | { readonly state: 'refused'; readonly refused: RefusedSettings }> {
  const { files, clock } = context;
  const after = await context.load(text);
  if (!after.ok) return { state: 'refused', refused: after };
  const { changed } = await editConfigFile({ file, edits: () => text, expectDigest: digest, files, clock });
  const daemon = changed ? await awaitDaemon(context, { file: after.file, writtenAtMs: clock.now() }) : null;
  return { state: 'made', changed, stored: null, removed: [], kept: [], warnings: newWarnings(before, after), daemon };
}
