// `--confirm-within`: a change is tried by whoever works with the settings before it is written, and `proxy confirm`.
//
// Guarantees: nothing is written by this; the caller writes only where it returns a status of null. Whoever goes away while
// it waits leaves the settings of before.

import { tryChange } from '#changes/trial.ts';
import { atHop, exitStatusOf } from '#cli/terminal/failure.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Change } from '#config/editing/apply-change.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { CommandContext } from './command-context.ts';
import { printProblems } from './config.ts';
import { askYesNo } from './proxy-form.ts';

/** What was typed: try it first, for so long; and whether it is written in any case. */
export interface ConfirmFlags {
  /** Milliseconds; undefined: it is written at once. */
  readonly confirmWithin?: number | undefined;
  readonly saveAnyway?: boolean | undefined;
}

const MIN_WINDOW_MS = 5_000;
const MAX_WINDOW_MS = 3_600_000;

/** A window as people write it: `60s`, `2m`, `90`; milliseconds, or null when it is none. Pure. */
export function parseWindow(text: string): number | null {
  const [, number = '', unit = 's'] = /^(\d{1,5})(s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(number) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
  return number !== '' && ms >= MIN_WINDOW_MS && ms <= MAX_WINDOW_MS ? ms : null;
}

/** What the trial came to; `status` is null where the change is to be written. */
export interface Tried {
  readonly status: number | null;
  readonly verdict: ChangeVerdict | null;
}

/** Tries the change where that was asked for. @throws CodedError CHANGE-PENDING, CONFIG-CHANGED, what refuses the settings */
export async function tryFirst(
  context: CommandContext,
  loaded: LoadedSettings,
  request: { readonly change: Change; readonly confirm: ConfirmFlags; readonly json: boolean },
): Promise<Tried> {
  const { change, confirm, json } = request;
  const { terminal } = context;
  const { confirmWithin: windowMs } = confirm;
  if (windowMs === undefined) return { status: null, verdict: null };
  const mayWait = confirm.saveAnyway !== true;
  const onEvent = (event: SallyportEvent, waits: boolean) => trialPrinter(context, { windowMs, waits })(event);
  const outcome = await tryChange(context, loaded, { change, windowMs, mayWait, onEvent });
  switch (outcome.state) {
    case 'refused':
      return { status: printRefused(terminal, outcome.refused), verdict: null };
    case 'broken':
      terminal.err(
        'The test of the new settings did not finish. Nothing was written; the previous settings remain in effect.',
      );
      throw outcome.error;
    case 'interrupted':
      throw outcome.error;
    case 'judged':
      return await handleVerdict(context, outcome.verdict, { ...confirm, json });
  }
}

/** A file that the change would make wrong; returns the exit status. */
export function printRefused(terminal: Terminal, refused: RefusedSettings): number {
  terminal.err(
    'This change would make the configuration file invalid. Nothing was written. Line numbers are those after the change:',
  );
  return printProblems(terminal, refused);
}

/** `sallyport proxy confirm`: the change that is being tried counts, whatever its stages say. */
export async function confirmCommand(context: CommandContext): Promise<number> {
  const control = await context.openControl();
  try {
    const { trying } = (await control.status()).config;
    await control.confirmChange();
    context.terminal.out(
      trying === null
        ? 'Confirmed: the daemon has applied the waiting change.'
        : `Confirmed: ${trying.by} now saves its change.`,
    );
    return EXIT_OK;
  } finally {
    await control.close();
  }
}

async function handleVerdict(
  { terminal }: CommandContext,
  verdict: ChangeVerdict,
  { saveAnyway, json }: ConfirmFlags & { readonly json: boolean },
): Promise<Tried> {
  const { confirmed, failure } = verdict;
  if (confirmed) {
    if (!json) printConfirmed(terminal, verdict);
    return { status: null, verdict };
  }
  if (saveAnyway === true) {
    const code = failure?.code ?? NO_ANSWER;
    terminal.err(`New settings failed at ${code}; saving them anyway (--save-anyway). The network may be down.`);
    return { status: null, verdict };
  }
  const status = printDropped(terminal, verdict);
  const question = 'Save them anyway? They take effect at once, and the network may be down.';
  if (!json && terminal.answers.interactive && (await askYesNo(terminal, question, false))) {
    return { status: null, verdict };
  }
  return { status, verdict };
}

const NO_ANSWER = 'no answer in time';

/** Says who confirmed a change. */
export function printConfirmed(terminal: Terminal, { by }: ChangeVerdict): void {
  terminal.out(by === 'stages' ? 'The new settings work.' : 'The new settings were confirmed.');
}

/** Says why a change was not written; returns the exit status. */
export function printDropped(terminal: Terminal, { failure }: ChangeVerdict): number {
  const code = failure?.code ?? NO_ANSWER;
  terminal.err(`New settings failed at ${code}; the previous settings remain in effect. Nothing was written.`);
  if (failure === null) return EXIT_STATUS.timeout;
  terminal.err(`  ${failure.message}`);
  terminal.err(`  ${atHop(failure.hop, failure.class)}${failure.check}`);
  return exitStatusOf(failure);
}

/** Shows what happens in a trial. */
export function trialPrinter({ terminal }: CommandContext, window: { windowMs: number | undefined; waits: boolean }) {
  return (event: SallyportEvent): void => {
    if (event.name === 'change-tried') {
      terminal.err('Trying the new settings; the previous ones remain in effect for now.');
    }
    if (event.name !== 'change-failed' || !window.waits || window.windowMs === undefined) return;
    // A sentence of the daemon's own formatter, as a diagnosis has it: what is foreign in it is quoted already.
    terminal.err(`They failed at ${String(event.code)}: ${String(event.message)}`);
    terminal.err(
      `To keep the new settings anyway, run sallyport proxy confirm in another terminal within ${window.windowMs / 1_000} s of the start. Ctrl-C discards them.`,
    );
  };
}
