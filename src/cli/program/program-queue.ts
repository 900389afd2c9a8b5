// The commands of `sallyport queue` with their options and help.

import type { Command } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** Arguments of `queue retry`. */
interface RetryArguments {
  readonly kind?: string;
  readonly all: boolean;
  readonly json: boolean;
}

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface QueueActions {
  listQueue(globals: Globals, options: { kind: string | null; json: boolean }): Promise<number>;
  showQueued(globals: Globals, options: { entry: string; json: boolean }): Promise<number>;
  retryQueued(
    globals: Globals,
    options: { entry: string | null; kind: string | null; all: boolean; json: boolean },
  ): Promise<number>;
  dropQueued(globals: Globals, options: { entry: string; yes: boolean; json: boolean }): Promise<number>;
  verifyQueue(globals: Globals, options: { kind: string | null; json: boolean }): Promise<number>;
}

const KIND_HELP = 'only this kind, such as receipt, batch or bundle';
const ID_HELP = 'KIND/ID as `sallyport queue ls` shows it, or at least the first 4 characters of the ID';

/** Adds `queue` with its commands. Without one of them, it lists. */
export function addQueueCommands(program: Command, actions: QueueActions, { globals, does }: Hooks): void {
  const queue = program
    .command('queue')
    .description('list, show, retry, drop and verify the data that waits to be sent')
    .addHelpText('after', filled(QUEUE_HELP));
  queue
    .command('ls', { isDefault: true })
    .description('list the entries that wait, how full each queue is, and the entries that a server rejected')
    .option('--kind <kind>', KIND_HELP)
    .option('--json', 'as JSON; all times are UTC', false)
    .action(
      does(({ kind = null, json }: { kind?: string | null; json: boolean }) =>
        actions.listQueue(globals(), { kind, json }),
      ),
    );
  queue
    .command('show')
    .description('show one entry (attempts, last failure, size, digest, IDs of documents), but never its content')
    .argument('<id>', ID_HELP)
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((entry: string, options: { json: boolean }) => actions.showQueued(globals(), { entry, ...options })));
  queue
    .command('retry')
    .description('send entries now, even those that are held')
    .argument('[id]', ID_HELP)
    .option('--kind <kind>', 'every entry of this kind')
    .option('--all', 'every entry', false)
    .option('--json', 'as JSON', false)
    .action(
      does(
        (
          entry: string | undefined,
          { kind = null, all, json }: Omit<RetryArguments, 'kind'> & { kind?: string | null },
        ) => actions.retryQueued(globals(), { entry: entry ?? null, kind, all, json }),
      ),
    );
  queue
    .command('drop')
    .description('delete one entry that was not sent; asks first')
    .argument('<id>', ID_HELP)
    .option('--yes', 'do not ask', false)
    .option('--json', 'as JSON', false)
    .action(
      does((entry: string, options: { yes: boolean; json: boolean }) =>
        actions.dropQueued(globals(), { entry, ...options }),
      ),
    );
  queue
    .command('verify')
    .description('read every entry, compare it with its digest, and move damaged entries to quarantine/')
    .option('--kind <kind>', KIND_HELP)
    .option('--json', 'as JSON', false)
    .action(
      does(({ kind = null, json }: { kind?: string | null; json: boolean }) =>
        actions.verifyQueue(globals(), { kind, json }),
      ),
    );
}

const QUEUE_HELP = `
Everything that Sallyport sends waits here until the server has confirmed it: receipts of updates, batches of exposure analytics,
and bundles of support logs. Each kind of data has its own queue. A full queue refuses new entries and deletes none.

An entry is held if a scanner at the proxy blocked it. It is sent again only by retry, or when the route changes. An entry is
rejected if the server refused it permanently. It is kept so that you can see why.

If no daemon is running, retry takes effect at its next start. drop needs root while the service is running.`;
