// `sallyport config edit`: opens a copy of the configuration file in an editor, checks it, and replaces the file, as
// visudo(8) does.
//
// Guarantees: one edit at a time. The file is replaced only by a text without errors. It also works if the file has
// errors now. If the text cannot be written, for example because another program changed the file, it is kept.

import { replaceText } from '#changes/replace.ts';
import { readConfigText } from '#config/editing/edit-file.ts';
import { EditedCopy } from '#config/editing/edited-copy.ts';
import type { LoadResult } from '#config/reading/load.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { runOnTerminal, type TerminalEnd } from '#system/process/on-terminal.ts';
import { printChange } from './change-text.ts';
import type { CommandContext } from './command-context.ts';
import { printProblems } from './config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What sudo and most systems have. */
const DEFAULT_EDITOR = 'vi';

/** Exit status: 0 if the file was replaced or not changed; 78 if the text has errors. @throws CodedError EDITOR-FAILED */
export async function configEditCommand(
  context: CommandContext,
  { environment }: { readonly environment: Environment },
): Promise<number> {
  const { terminal, files } = context;
  const before = await context.load();
  const file = before.ok ? before.file : before.files[0];
  if (file === undefined) return before.ok ? EXIT_OK : printProblems(terminal, before);
  const content = await readConfigText(files, file);
  const draft = await EditedCopy.make(content, context);
  if (draft.previous !== null) {
    terminal.err(`An earlier edit did not end. Its text is in ${showForeign(draft.previous)}.`);
  }
  let isKept = false;
  try {
    const text = await editUntilValid(context, draft, { environment, digest: content.digest });
    if (text === 'unchanged') {
      terminal.out(`${showForeign(file)} is unchanged.`);
      return EXIT_OK;
    }
    if (text === 'invalid') return EXIT_STATUS.config;
    return await save(context, { file, digest: content.digest, text: text.text, before }).catch((thrown: unknown) => {
      isKept = true;
      terminal.err(`Your text is kept in ${showForeign(draft.path)}.`);
      throw thrown;
    });
  } finally {
    if (isKept) draft.keep();
    else await draft.remove();
  }
}

/** Runs the editor until the text has no errors, or the person gives up. */
async function editUntilValid(
  context: CommandContext,
  draft: EditedCopy,
  { environment, digest }: { readonly environment: Environment; readonly digest: string },
): Promise<{ readonly text: string } | 'unchanged' | 'invalid'> {
  const { terminal } = context;
  for (;;) {
    await runEditor(context, draft, environment);
    const edited = await draft.read();
    if (edited.digest === digest) return 'unchanged';
    const result = await context.load(edited.text);
    if (result.ok) return edited;
    printProblems(terminal, result);
    if (!(await wantsAgain(context))) {
      terminal.err('The configuration file is unchanged.');
      return 'invalid';
    }
  }
}

async function wantsAgain({ terminal: { answers } }: CommandContext): Promise<boolean> {
  if (!answers.interactive) return false;
  for (;;) {
    const answer = await answers.line('Edit again (e), or quit without saving (q)? ');
    if (answer === null || /^q/i.test(answer.trim())) return false;
    if (/^e?$/i.test(answer.trim())) return true;
  }
}

/** The editor of VISUAL or EDITOR, with its arguments. @throws CodedError EDITOR-FAILED */
async function runEditor({ signal }: CommandContext, draft: EditedCopy, environment: Environment): Promise<void> {
  const named = environment['VISUAL']?.trim() || environment['EDITOR']?.trim() || DEFAULT_EDITOR;
  const [program = DEFAULT_EDITOR, ...args] = named.split(/\s+/);
  const end = await runOnTerminal([program, ...args, draft.path], environment, signal);
  signal.throwIfAborted();
  if (end.kind === 'exited' && end.status === 0) return;
  throw coded('EDITOR-FAILED', { editor: named, reason: endReason(end) });
}

function endReason(end: TerminalEnd): string {
  if (end.kind === 'exited') return `it ended with status ${end.status}`;
  return end.kind === 'signalled' ? `it was ended by ${end.signal}` : `it did not start (${end.reason})`;
}

async function save(
  context: CommandContext,
  given: { readonly file: string; readonly digest: string; readonly text: string; readonly before: LoadResult },
): Promise<number> {
  const { terminal } = context;
  const made = await replaceText(context, given);
  if (made.state === 'refused') return printProblems(terminal, made.refused);
  return printChange(terminal, made, { sentences: [], facts: {}, json: false, file: given.file, verdict: null });
}
