// `sallyport queue`: lists, shows, retries, drops and verifies entries that are waiting to be sent. The running daemon
// answers. If no daemon is running, this process reads the state itself.

import type { Control } from '#control/control.ts';
import type { QueueKindRow } from '#control/queue.ts';
import { detailLines, listLines, shownEntry, sizeText } from '#control/text/queue-text.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { askYesNo } from './settings/proxy-form.ts';
import { printJson } from './terminal/json.ts';
import { type Terminal, widthOf } from './terminal/terminal.ts';
import { UsageError } from './terminal/usage-error.ts';

/** An entry as the user wrote it: `KIND/ID`, or only the id. */
function readEntry(text: string): { kind: string | null; id: string } {
  const at = text.indexOf('/');
  return at < 0 ? { kind: null, id: text } : { kind: text.slice(0, at), id: text.slice(at + 1) };
}

/** Lists every kind with its entries, or one kind. */
export async function listQueueCommand(
  control: Control,
  terminal: Terminal,
  { kind, json }: { readonly kind: string | null; readonly json: boolean },
): Promise<number> {
  const list = await control.listQueue();
  const shown = { ...list, kinds: kind === null ? list.kinds : [kindNamed(list.kinds, kind)] };
  if (json) printJson(terminal, shown);
  else for (const line of listLines(shown, widthOf(terminal.screen))) terminal.out(line);
  return EXIT_OK;
}

/** @throws CodedError QUEUE-KIND */
function kindNamed(kinds: readonly QueueKindRow[], name: string): QueueKindRow {
  const kind = kinds.find((one) => one.kind === name);
  if (kind !== undefined) return kind;
  throw coded('QUEUE-KIND', { kind: name, known: kinds.map((one) => one.kind) });
}

/** Shows one entry without its content. */
export async function showQueuedCommand(
  control: Control,
  terminal: Terminal,
  { entry, json, clock }: { readonly entry: string; readonly json: boolean; readonly clock: Clock },
): Promise<number> {
  const detail = await control.showQueued(readEntry(entry));
  if (json) printJson(terminal, detail);
  else {
    for (const line of detailLines(detail, utcTime(clock.now()), widthOf(terminal.screen))) terminal.out(line);
  }
  return EXIT_OK;
}

/** Which entries are retried: exactly one of them is set. */
interface RetryArguments {
  readonly entry: string | null;
  readonly kind: string | null;
  readonly all: boolean;
  readonly json: boolean;
}

/** Makes entries due now, also held ones. */
export async function retryQueuedCommand(
  control: Control,
  terminal: Terminal,
  { entry, kind, all, json }: RetryArguments,
): Promise<number> {
  if ([entry !== null, kind !== null, all].filter(Boolean).length !== 1) {
    throw new UsageError('Name one entry (KIND/ID), or use either --kind KIND or --all.');
  }
  const result = await control.retryQueued(entry === null ? { kind, id: null } : readEntry(entry));
  if (json) {
    printJson(terminal, result);
    return EXIT_OK;
  }
  const { retried, sending } = result;
  const count = retried.reduce((sum, { entries }) => sum + entries, 0);
  const when = sending ? 'now' : 'when the daemon starts';
  if (count === 0) terminal.out('Nothing is waiting.');
  for (const { kind: name, entries } of retried) {
    const what = entries === 1 ? 'entry is' : 'entries are';
    if (entries > 0) terminal.out(`${showForeign(name)}: ${entries} ${what} sent ${when}.`);
  }
  return EXIT_OK;
}

/** Removes an entry that was not sent. At a terminal it asks first; elsewhere `--yes` is required. */
export async function dropQueuedCommand(
  control: Control,
  terminal: Terminal,
  { entry, yes, json }: { readonly entry: string; readonly yes: boolean; readonly json: boolean },
): Promise<number> {
  if (!yes && !terminal.answers.interactive) {
    throw new UsageError('Dropping an entry deletes data that was not sent. To do it without a question, use --yes.');
  }
  const { entry: found } = await control.showQueued(readEntry(entry));
  if (!yes) {
    terminal.err(`${shownEntry(found)}, accepted ${found.accepted_at}, ${sizeText(found)}. It was not sent.`);
    if (!(await askYesNo(terminal, 'Delete it?', false))) throw coded('CANCELLED', { reason: 'it was not confirmed' });
  }
  const dropped = await control.dropQueued({ kind: found.kind, id: found.id });
  if (json) printJson(terminal, dropped);
  else terminal.out(`Dropped ${shownEntry(dropped)}. It will not be sent.`);
  return EXIT_OK;
}

/** Compares every waiting entry with its digest. */
export async function verifyQueueCommand(
  control: Control,
  terminal: Terminal,
  { kind, json, signal }: { readonly kind: string | null; readonly json: boolean; readonly signal: AbortSignal },
): Promise<number> {
  const rows = await control.verifyQueue(kind, signal);
  const isOutcome = (outcome: string) => rows.filter((row) => row.outcome === outcome);
  if (json) printJson(terminal, rows);
  else {
    for (const row of isOutcome('damaged')) terminal.out(`${shownEntry(row)}: damaged; it is set aside and never sent`);
    for (const row of isOutcome('unreadable')) terminal.out(`${shownEntry(row)}: cannot be read now; the log says why`);
    terminal.out(`Intact: ${isOutcome('intact').length} of ${rows.length}.`);
  }
  if (isOutcome('damaged').length > 0) return EXIT_STATUS.content;
  return isOutcome('unreadable').length > 0 ? EXIT_STATUS.system : EXIT_OK;
}
