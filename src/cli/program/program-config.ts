// The `config` commands with their options and help.

import { type Command, Option } from 'commander';
import type { ImportArguments } from '#cli/settings/config-import.ts';
import type { SetArguments } from '#cli/settings/config-set.ts';
import type { ConfirmFlags } from '#cli/settings/confirm.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { filled } from '#cli/terminal/wrap.ts';
import { IMPORT_KIND_NAMES } from '#config/importing/kinds.ts';
import { validateProfileName } from '#config/schema/values.ts';
import { withConfirm } from './confirm-options.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface ConfigActions {
  configCheck(globals: Globals): Promise<number>;
  configShow(globals: Globals, options: { json: boolean }): Promise<number>;
  configSchema(): Promise<number>;
  configUpgrade(globals: Globals, options: { dryRun: boolean }): Promise<number>;
  configSet(globals: Globals, options: SetArguments): Promise<number>;
  configImport(globals: Globals, options: ImportArguments): Promise<number>;
  configDiff(globals: Globals, options: { json: boolean }): Promise<number>;
  configEdit(globals: Globals): Promise<number>;
}

type SetOptions = ConfirmFlags & { readonly unset: boolean; readonly json: boolean };

type ImportOptions = ConfirmFlags &
  Omit<ImportArguments, 'files' | 'confirm' | 'makeDefault'> & { readonly default: boolean };

/** Adds the commands of `config`. */
export function addConfigCommands(config: Command, actions: ConfigActions, { globals, does }: Hooks): void {
  config
    .command('check')
    .description('read the file and report every error with line and column; starts nothing')
    .action(does(() => actions.configCheck(globals())));
  config
    .command('show')
    .description('show each key with its effective value and its source; secrets appear as ***')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.configShow(globals(), options)));
  config
    .command('schema')
    .description('print the JSON schema, for editors')
    .action(does(() => actions.configSchema()));
  config
    .command('upgrade')
    .description('convert a file of the previous format version; only renamed keys and the version change')
    .option('--dry-run', 'only show what would change', false)
    .action(does((options: { dryRun: boolean }) => actions.configUpgrade(globals(), options)));
  addChanging(config, actions, { globals, does });
}

/** The parser's error without the unknown option: it may be a secret that begins with a dash. */
function withoutOption(text: string): string {
  if (!text.startsWith('error: unknown option')) return text;
  return 'error: unknown option. To set a value that begins with a dash, write -- before it. A secret is typed, or read from standard input.\n';
}

function addChanging(config: Command, actions: ConfigActions, { globals, does }: Hooks): void {
  withConfirm(
    config
      .command('set')
      .description('set one key of the file; a secret is typed, or read from standard input')
      .argument('<key>', 'such as updates.parallel or proxies.corp.port')
      .argument('[value...]', 'the value; several are a list')
      .option('--unset', 'remove the key, so that its default applies', false)
      .option('--json', 'as JSON', false)
      .configureOutput({ outputError: (text, write) => write(withoutOption(text)) }),
  )
    .addHelpText('after', filled(SET_HELP))
    .action(
      does((key: string, values: string[], { json, unset, ...confirm }: SetOptions) =>
        actions.configSet(globals(), { key, values, unset, json, confirm }),
      ),
    );
  withConfirm(
    config
      .command('import')
      .description('add the proxy that other programs use to the configuration, after a test')
      .argument('<file...>', 'files such as /etc/environment, or the URL of a PAC file')
      .addOption(
        new Option('--from <kind>', 'kind of the files, if their names do not show it').choices([...IMPORT_KIND_NAMES]),
      )
      .option('--name <name>', 'name of the new proxy', readName, 'imported')
      .option('--default', 'make it the default proxy', false)
      .option('--yes', 'do not ask for confirmation', false)
      .option('--json', 'as JSON', false),
  ).action(
    does((files: string[], { json, yes, name, from, default: makeDefault, ...confirm }: ImportOptions) =>
      actions.configImport(globals(), { files, from, name, makeDefault, yes, json, confirm }),
    ),
  );
  config
    .command('diff')
    .description('compare the file with the settings that the running daemon uses; status 1 if they differ')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.configDiff(globals(), options)));
  config
    .command('edit')
    .description('edit the file in VISUAL or EDITOR, and save it only if it has no errors')
    .action(does(() => actions.configEdit(globals())));
}

function readName(text: string): string {
  const wrong = validateProfileName(text);
  if (wrong !== null) throw new UsageError(wrong);
  return text;
}

const SET_HELP = `
Examples:
  sallyport config set updates.parallel 2
  sallyport config set proxies.corp.no_proxy intranet.example.com 10.0.0.0/8
  sallyport config set proxies.corp.password < file
  sallyport config set updates.bandwidth.limit --unset`;
