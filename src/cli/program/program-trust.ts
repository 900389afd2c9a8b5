// The commands `sallyport trust ...`, with their options and help.

import type { Command } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The options of `trust import`. */
interface TrustImportOptions {
  readonly file: string;
  readonly fingerprint?: string;
  readonly replace: boolean;
  readonly json: boolean;
}

/** The actions of these commands. Each returns the exit status. */
export interface TrustActions {
  trustStatus(globals: Globals, options: { json: boolean }): Promise<number>;
  trustImport(globals: Globals, options: TrustImportOptions): Promise<number>;
  trustForget(globals: Globals): Promise<number>;
}

/** Adds them to the program. */
export function addTrustCommands(program: Command, actions: TrustActions, { globals, does }: Hooks): void {
  const trust = program.command('trust').description('show and set the root with which signed updates are verified');
  trust
    .command('status')
    .description('show the trusted root, and version, expiry and signatures of each role')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((options: { json: boolean }) => actions.trustStatus(globals(), options)));
  trust
    .command('import')
    .description('trust the root of a signed feed (root.json)')
    .argument('<root>', 'file with the root, from the vendor')
    .option('--fingerprint <sha256>', 'SHA-256 of the file, as the vendor published it elsewhere; asked for if missing')
    .option('--replace', 'replace a root whose keys the vendor has lost; needs --fingerprint', false)
    .option('--json', 'the result as JSON', false)
    .addHelpText('after', filled(IMPORT_HELP))
    .action(
      does((file: string, options: Omit<TrustImportOptions, 'file'>) =>
        actions.trustImport(globals(), { file, ...options }),
      ),
    );
  trust
    .command('forget')
    .description('delete the stored metadata and versions of the signed feed; the trusted root stays')
    .action(does(() => actions.trustForget(globals())));
}

const IMPORT_HELP = `
You do not have to import later roots of the same vendor: Sallyport accepts them, because the trusted root has signed them.
Use --replace only if the vendor has lost its root keys: nothing on this host can then verify the new root, except the
fingerprint that you enter. sallyport status shows the replacement for 30 days.`;
