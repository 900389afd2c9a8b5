// The text that a command prints after a change, whether the command or the change service made it.

import type { ApplyState, DaemonOutcome } from '#changes/daemon-outcome.ts';
import type { MadeChange } from '#changes/make.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { problemLine } from '#config/problem.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';

/** The command's description of its change. */
export interface ChangeWords {
  /** Sentences for a person, the most important first. */
  readonly sentences: readonly string[];
  /** Additional JSON fields, such as the name of the profile. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly warnings?: readonly string[];
  readonly json: boolean;
  readonly file: string;
  /** Null if the change was not tried first. */
  readonly verdict: ChangeVerdict | null;
}

/** Prints the change. Exit status: 0, or 78 if the daemon rejects the change or does not apply it yet. */
export function printChange(terminal: Terminal, made: MadeChange, words: ChangeWords): number {
  const { daemon } = made;
  if (daemon?.unreachable !== undefined) terminal.err(daemon.unreachable.message);
  const warnings = [...(words.warnings ?? []), ...made.warnings.map(problemLine)];
  if (words.json) {
    printJson(terminal, {
      ...words.facts,
      file: words.file,
      changed: made.changed,
      ...(words.verdict === null ? {} : { confirmation: words.verdict }),
      secret_file: made.stored,
      removed_secret_files: made.removed,
      warnings,
      daemon: daemon?.taken ?? null,
      ...(daemon?.refusal === undefined ? {} : { refusal: daemon.refusal }),
    });
  } else {
    printMade(terminal, made, { sentences: words.sentences, warnings, file: words.file });
    if (daemon !== null) printDaemonOutcome(terminal, daemon);
  }
  return daemon?.taken === 'refused' || daemon?.taken === 'held' ? EXIT_STATUS.config : EXIT_OK;
}

interface MadeWords {
  readonly sentences: readonly string[];
  readonly warnings: readonly string[];
  readonly file: string;
}

function printMade(terminal: Terminal, made: MadeChange, { sentences, warnings, file }: MadeWords): void {
  for (const warning of warnings) terminal.err(`warning: ${warning}`);
  if (!made.changed) {
    terminal.out(`${showForeign(file)} already has this setting; nothing was written.`);
    return;
  }
  for (const sentence of sentences) terminal.out(sentence);
  if (made.stored !== null)
    terminal.out(`The password is in ${showForeign(made.stored)}, next to the configuration file.`);
  for (const one of made.removed)
    terminal.out(`Removed ${showForeign(one)}, because no setting refers to it any more.`);
  for (const one of made.kept) {
    terminal.out(`${showForeign(one)} still holds the previous password, which the active settings use.`);
  }
  terminal.out(`Written to ${showForeign(file)}.`);
}

const APPLY_TEXTS: Readonly<Record<ApplyState, string>> = {
  taken: 'The running daemon has applied the change.',
  refused: 'The daemon rejected the change; the previous settings remain in effect:',
  held: 'The daemon has not applied the change; the previous settings remain in effect (proxy_change is confirm). To apply it: sallyport proxy confirm.',
  'no daemon': 'No daemon is running; the change applies at the next start.',
  'not yet': 'The daemon has not yet reported that it applied the change. See: sallyport status.',
  'another file': 'The running daemon uses a different configuration file, so the change does not affect it.',
};

function printDaemonOutcome(terminal: Terminal, { taken, refusal }: DaemonOutcome): void {
  if (taken === 'refused' || taken === 'held') {
    terminal.err(APPLY_TEXTS[taken]);
    terminal.err(`  ${refusal ?? ''}`);
  } else terminal.out(APPLY_TEXTS[taken]);
}
