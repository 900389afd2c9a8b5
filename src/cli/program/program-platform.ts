// The commands `sallyport platform` with their options and help.

import type { Command } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface PlatformActions {
  previewReport(globals: Globals): Promise<number>;
  listAdvice(globals: Globals, options: { json: boolean }): Promise<number>;
}

/** Adds `platform` with its commands. */
export function addPlatformCommands(program: Command, actions: PlatformActions, { globals, does }: Hooks): void {
  const platform = program
    .command('platform')
    .description("show what the link to the vendor's platform sends, and what the platform advises")
    .addHelpText('after', filled(PLATFORM_HELP));
  platform
    .command('preview')
    .description('print the next report to the platform, exactly as it is sent; sends nothing')
    .action(does(() => actions.previewReport(globals())));
  platform
    .command('advice')
    .description('list the advice that the platform sent, and who sent it; Sallyport only shows it')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((options: { json: boolean }) => actions.listAdvice(globals(), options)));
}

const PLATFORM_HELP = `
While platform.enabled is true, Sallyport keeps a link to the vendor's platform. sallyport status shows the state of the link.
The platform can request a check for updates, request support logs (see support_logs.on_platform_request), and send advice.
No request can name a file, a path, a URL or a setting.`;
