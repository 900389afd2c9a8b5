// The command `sallyport systemd dropin` with its options and help.

import type { Command } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The action that `sallyport.ts` provides. It returns the exit status. */
export interface SystemdActions {
  systemdDropIn(globals: Globals, options: { readonly privateUsers: boolean }): Promise<number>;
}

/** Adds the commands. */
export function addSystemdCommands(systemd: Command, actions: SystemdActions, { globals, does }: Hooks): void {
  systemd
    .command('dropin')
    .description('print a drop-in for the unit: the credentials, and the only addresses that the service may reach')
    .option('--private-users', 'also hide the users of the host from the service', false)
    .addHelpText('after', filled(DROP_IN_HELP))
    .action(does((options: { privateUsers: boolean }) => actions.systemdDropIn(globals(), options)));
}

const DROP_IN_HELP = `
Reads the configuration file, and looks up the names of proxies. Changes nothing. If Sallyport connects only to proxies with
known addresses, the drop-in blocks all other addresses. If not, a comment in the drop-in gives the reasons. The first lines of the output
are comments with the commands that install the drop-in.`;
