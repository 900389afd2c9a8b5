// The command `sallyport submit` with its options and help.

import type { Command } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The action that `sallyport.ts` provides. It returns the exit status. */
export interface SubmitActions {
  submit(
    globals: Globals,
    options: { readonly files: readonly string[]; readonly json: boolean; readonly quiet: boolean },
  ): Promise<number>;
}

/** Adds the command. */
export function addSubmitCommand(program: Command, actions: SubmitActions, { globals, does }: Hooks): void {
  program
    .command('submit')
    .description('give documents (JSON objects) to the daemon, which sends them as exposure analytics')
    .argument('[file...]', 'files with one JSON object on each line, or one JSON text; - or none: standard input')
    .option('--json', 'the result as JSON', false)
    .option('--quiet', 'print failures only', false)
    .addHelpText('after', filled(SUBMIT_HELP))
    .action(
      does((files: string[], options: { json: boolean; quiet: boolean }) =>
        actions.submit(globals(), { files, ...options }),
      ),
    );
}

const SUBMIT_HELP = `
Each file is accepted as a whole or not at all. Status 0 means that all documents are stored durably on this host. If no daemon
is running, the command leaves each file in the drop directory (exposure_analytics.drop_dir), if there is one.

Exit status: 0 accepted, 65 a line is not a JSON object, 69 exposure analytics are not enabled, 75 the space for
waiting documents or the disk is full, or no daemon is running (try again later).`;
