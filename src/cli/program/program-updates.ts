// The commands `sallyport updates ...`, with their options and help.

import { type Command, InvalidArgumentError } from 'commander';
import { parseSpan } from '#cli/logs/since.ts';
import { filled } from '#cli/terminal/wrap.ts';
import { validateId } from '#system/id.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The actions of these commands. Each returns the exit status. */
export interface UpdatesActions {
  listUpdates(globals: Globals, options: { json: boolean }): Promise<number>;
  verifyUpdates(globals: Globals, options: { json: boolean }): Promise<number>;
  holdUpdates(globals: Globals, options: { until: string; reason: string; json: boolean }): Promise<number>;
  releaseUpdates(globals: Globals, options: { json: boolean }): Promise<number>;
  exportUpdates(
    globals: Globals,
    options: { ids: readonly string[]; output: string; force: boolean; json: boolean },
  ): Promise<number>;
  importUpdates(globals: Globals, options: { path: string; maxAge: number; json: boolean }): Promise<number>;
  mirror(globals: Globals, options: { dir: string; json: boolean }): Promise<number>;
  publishUpdate(globals: Globals, options: { id: string; json: boolean }): Promise<number>;
  forgetSerial(globals: Globals, options: { json: boolean }): Promise<number>;
  runHook(globals: Globals, options: { id: string; json: boolean }): Promise<number>;
}

/** Adds them to the program. */
export function addUpdatesCommands(program: Command, actions: UpdatesActions, { globals, does }: Hooks): void {
  const updates = program.command('updates').description('list, verify, hold and publish packages');
  updates
    .command('list')
    .description('list every published package')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.listUpdates(globals(), options)));
  updates
    .command('verify')
    .description('compare every published package with its SHA-256; move damaged packages to damaged/')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.verifyUpdates(globals(), options)));
  addHold(updates, actions, { globals, does });
  addMedia(updates, actions, { globals, does });
  updates
    .command('forget-serial')
    .description('forget the serial of the feed; use it if the vendor says that the serial starts over')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.forgetSerial(globals(), options)));
  updates
    .command('hook')
    .description('run the hook (updates.on_published) for a published package now, regardless of earlier results')
    .argument('<id>', 'ID of the update, as `sallyport updates list` shows it', readId)
    .option('--json', 'the result as JSON, without log lines', false)
    .action(does((id: string, options: { json: boolean }) => actions.runHook(globals(), { id, ...options })));
}

function addMedia(updates: Command, actions: UpdatesActions, { globals, does }: Hooks): void {
  updates
    .command('export')
    .description('write published updates into one file, for hosts without a network')
    .argument('<id...>', 'IDs of updates, as `sallyport updates list` shows them', readIds)
    .requiredOption('-o, --output <file>', 'the bundle to write')
    .option('--force', 'replace the file if it exists', false)
    .option('--json', 'the result as JSON, without log lines', false)
    .action(
      does((ids: readonly string[], options: { output: string; force: boolean; json: boolean }) =>
        actions.exportUpdates(globals(), { ids, ...options }),
      ),
    );
  updates
    .command('import')
    .description('publish updates from a bundle of `updates export`, or from a signed repository, without a network')
    .argument('<path>', 'bundle, folder with metadata/ and targets/, or tar archive with them')
    .option('--max-age <span>', 'also accept metadata that expired at most this long ago, such as 30d', readSpan, 0)
    .option('--json', 'the result as JSON, without log lines', false)
    .action(
      does((path: string, options: { maxAge: number; json: boolean }) =>
        actions.importUpdates(globals(), { path, ...options }),
      ),
    );
}

/** Adds `sallyport mirror`. */
export function addMirrorCommand(program: Command, actions: UpdatesActions, { globals, does }: Hooks): void {
  program
    .command('mirror')
    .description('copy the whole signed repository into a folder, for a web server or for a medium')
    .argument('<dir>', 'folder of the mirror; it is created if it is missing')
    .option('--json', 'the result as JSON, without log lines', false)
    .action(does((dir: string, options: { json: boolean }) => actions.mirror(globals(), { dir, ...options })));
}

function addHold(updates: Command, actions: UpdatesActions, { globals, does }: Hooks): void {
  updates
    .command('hold')
    .description('download and verify updates, but publish none until a date, such as the end of a change freeze')
    .requiredOption('--until <date>', 'end of the hold: a time such as 2026-12-27T06:00, a date, or a span such as 3d')
    .requiredOption('--reason <text>', 'reason, shown by status, status --check and the log')
    .option('--json', 'as JSON', false)
    .addHelpText('after', filled(HOLD_HELP))
    .action(
      does((options: { until: string; reason: string; json: boolean }) => actions.holdUpdates(globals(), options)),
    );
  updates
    .command('release')
    .description('end the hold, and publish all ready packages that the feed still offers')
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.releaseUpdates(globals(), options)));
  updates
    .command('publish')
    .description('publish one package that is ready, despite the hold')
    .argument('<id>', 'ID of the update, as `sallyport status` shows it', readId)
    .option('--json', 'the result as JSON, without log lines', false)
    .action(does((id: string, options: { json: boolean }) => actions.publishUpdate(globals(), { id, ...options })));
}

/** Commander calls it for each ID, with those before. @throws InvalidArgumentError */
function readIds(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), readId(text)];
}

/** @throws InvalidArgumentError */
function readId(text: string): string {
  const reason = validateId(text);
  if (reason === null) return text;
  throw new InvalidArgumentError(`${reason[0]?.toUpperCase()}${reason.slice(1)}.`);
}

function readSpan(text: string): number {
  const span = parseSpan(text);
  if (span !== null) return span;
  throw new InvalidArgumentError('Use a span such as 30d, 12h or 90m.');
}

const HOLD_HELP = `
A date alone means 00:00 on that day, and a time without a zone is local. A hold lasts at most 366 days and ends by itself. A
second hold replaces the first. If the vendor withdraws a package, it is withdrawn even during a hold.`;
