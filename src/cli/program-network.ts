// The commands that answer "is it the proxy?", with their options and help: a piece of `program.ts`.

import { type Command, Option } from 'commander';
import type { Globals, Hooks } from './program.ts';

const PURPOSES = ['updates', 'support_logs', 'exposure_analytics', 'platform'] as const;
type PurposeName = (typeof PURPOSES)[number];

interface DiagnoseArguments {
  readonly purpose?: PurposeName;
  readonly json: boolean;
  readonly retryCredential: boolean;
}

export interface NetworkActions {
  diagnose(globals: Globals, options: DiagnoseArguments): Promise<number>;
}

export function addNetworkCommands(program: Command, actions: NetworkActions, { globals, does }: Hooks): void {
  program
    .command('diagnose')
    .description('walk the way of each purpose stage by stage, as the service does, and name what is wrong first')
    .addOption(new Option('--purpose <purpose>', 'this purpose alone').choices([...PURPOSES]))
    .option('--json', 'as JSON; docs/diagnosis.schema.json is its schema', false)
    .option('--retry-credential', 'send once more a proxy password that was refused, or whose proxy has moved', false)
    .addHelpText('after', DIAGNOSE_HELP)
    .action(does((options: DiagnoseArguments) => actions.diagnose(globals(), options)));
}

const DIAGNOSE_HELP = `
The daemon that runs does it itself, with its own user, environment and credentials; where none runs, this process does,
and says so. A purpose ends at its first failure. A password that was refused is not sent again unless you say so.

Exit status: 0 the work would go well (warnings are told), else the class of the first failure: 10 name resolution,
11 connection, 12 proxy authentication, 13 policy, 14 TLS, 15 WebSocket, 16 timeout, 17 content, 18 HTTP,
78 configuration.`;
