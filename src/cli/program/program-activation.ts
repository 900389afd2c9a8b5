// The commands `sallyport activate`, `activation` and `identity`, with their options and help.

import { type Command, Option } from 'commander';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The options of `activate`. */
interface ActivateArguments {
  readonly keyFile?: string;
  readonly keyStdin: boolean;
  readonly file?: string;
  readonly replace: boolean;
  readonly json: boolean;
}

/** The actions of these commands. Each returns the exit status. */
export interface ActivationActions {
  activate(globals: Globals, options: ActivateArguments): Promise<number>;
  activationRequest(globals: Globals, options: { output: string }): Promise<number>;
  activationShow(globals: Globals, options: { json: boolean }): Promise<number>;
  activationRelease(globals: Globals, options: { json: boolean }): Promise<number>;
  identityShow(globals: Globals, options: { json: boolean }): Promise<number>;
  identityReset(globals: Globals, options: { yes: boolean }): Promise<number>;
}

/** Adds them to the program. */
export function addActivationCommands(
  { activate, activation, identity }: Readonly<Record<'activate' | 'activation' | 'identity', Command>>,
  actions: { activation(): Promise<ActivationActions> },
  { globals, does }: Hooks,
): void {
  activate
    // Declared so that it can be refused without an echo.
    .addOption(new Option('--key [key]').hideHelp())
    .option('--key-file <file>', 'read the key from a file')
    .option('--key-stdin', 'read the key from standard input', false)
    .option('--file <license>', 'install a license file, without a connection')
    .option('--replace', 'activate this host in place of an earlier installation whose disk was lost', false)
    .option('--json', 'the result as JSON; all times are UTC', false)
    .addHelpText('after', filled(ACTIVATE_HELP))
    .allowExcessArguments()
    .allowUnknownOption()
    .action(
      does(async (options: ActivateArguments & { readonly key?: unknown }, command: Command) => {
        if (command.args.length > 0 || options.key !== undefined) throw new UsageError(NO_KEY_HERE);
        requireOneSource(options);
        return await (await actions.activation()).activate(globals(), options);
      }),
    );
  activation
    .command('show')
    .description('show state, license and identity')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(
      does(async (options: { json: boolean }) => await (await actions.activation()).activationShow(globals(), options)),
    );
  activation
    .command('request')
    .description('write a signed request for a license to a file, for a host without a connection')
    .requiredOption('--output <file>', 'the file to write')
    .action(
      does(
        async (options: { output: string }) => await (await actions.activation()).activationRequest(globals(), options),
      ),
    );
  activation
    .command('release')
    .description('end the activation of this host, so that its key can be used for another host')
    .option('--json', 'the result as JSON; all times are UTC', false)
    .action(
      does(
        async (options: { json: boolean }) => await (await actions.activation()).activationRelease(globals(), options),
      ),
    );
  identity
    .command('show')
    .description('show agent ID and public key')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(
      does(async (options: { json: boolean }) => await (await actions.activation()).identityShow(globals(), options)),
    );
  identity
    .command('reset')
    .description('give this host a new agent ID and key; it must be activated again')
    .option('--yes', 'do not ask for confirmation', false)
    .action(
      does(async (options: { yes: boolean }) => await (await actions.activation()).identityReset(globals(), options)),
    );
}

function requireOneSource({ keyFile, keyStdin, file, replace }: ActivateArguments): void {
  const sources = [keyFile !== undefined, keyStdin, file !== undefined].filter(Boolean).length;
  if (sources > 1) throw new UsageError('Use only one of --key-file, --key-stdin and --file.');
  if (file !== undefined && replace)
    throw new UsageError('--replace is for a key; a license file replaces the old one.');
}

const NO_KEY_HERE =
  'activate takes no arguments: a key in an argument can be read by every user of this host. Enter it at the prompt, or use --key-stdin or --key-file. Other options are in: sallyport activate --help';

const ACTIVATE_HELP = `
Without an option, the command asks for the key at the terminal and does not show it. It sends the key once, through the
proxy for updates.`;
