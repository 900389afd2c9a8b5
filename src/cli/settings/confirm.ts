// `--confirm-within` and `proxy confirm`: a change is tested before it is written. The daemon tests it, or this process
// if no daemon is running.
//
// Guarantees: this file writes nothing; the caller writes the change only if the returned status is null. If the
// command ends while it waits, the previous settings remain in effect.

import { tryChange } from '#changes/trial.ts';
import { exitStatusOf } from '#cli/terminal/failure.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Change } from '#config/editing/apply-change.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { CommandContext } from './command-context.ts';
import { printProblems } from './config.ts';
import { askYesNo } from './proxy-form.ts';

/** Whether and for how long to try the change first, and whether to save it even if that fails. */
export interface ConfirmFlags {
  /** In milliseconds; if undefined, the change is written at once. */
  readonly confirmWithin?: number | undefined;
  readonly saveAnyway?: boolean | undefined;
}

const MIN_WINDOW_MS = 5_000;
const MAX_WINDOW_MS = 3_600_000;

/** Parses a time such as `60s`, `2m` or `90` (seconds). In milliseconds; null if invalid or out of range. Pure. */
export function parseWindow(text: string): number | null {
  const [, number = '', unit = 's'] = /^(\d{1,5})(s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(number) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
  return number !== '' && ms >= MIN_WINDOW_MS && ms <= MAX_WINDOW_MS ? ms : null;
}

/** The result of the trial. `status` is null if the change is to be written. */
export interface TrialResult {
  readonly status: number | null;
  readonly verdict: ChangeVerdict | null;
}

/** Tries the change if `--confirm-within` is given. @throws CodedError CHANGE-PENDING, CONFIG-CHANGED, trial errors */
export async function testBeforeSaving(
  context: CommandContext,
  loaded: LoadedSettings,
  request: { readonly change: Change; readonly confirm: ConfirmFlags; readonly json: boolean },
): Promise<TrialResult> {
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

/** Prints why the change would make the file invalid. Returns the exit status. */
export function printRefused(terminal: Terminal, refused: RefusedSettings): number {
  terminal.err(
    'This change would make the configuration file invalid. Nothing was written. The line numbers are those of the changed file:',
  );
  return printProblems(terminal, refused);
}

/** `sallyport proxy confirm`: accepts the change on trial, even if a stage failed. */
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
): Promise<TrialResult> {
  const { confirmed } = verdict;
  if (confirmed) {
    if (!json) printConfirmed(terminal, verdict);
    return { status: null, verdict };
  }
  if (saveAnyway === true) {
    printSavedAnyway(terminal, verdict);
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

/** Prints that the settings are saved although their test failed. */
export function printSavedAnyway(terminal: Terminal, { failure }: ChangeVerdict): void {
  const code = failure?.code ?? NO_ANSWER;
  terminal.err(`New settings failed with ${code}; saving them anyway (--save-anyway). The network may be down.`);
}

/** Prints whether the test or a person confirmed the change. */
export function printConfirmed(terminal: Terminal, { by }: ChangeVerdict): void {
  terminal.out(by === 'stages' ? 'The new settings work.' : 'The new settings were confirmed.');
}

/** Prints why the change was not written. Returns the exit status. */
export function printDropped(terminal: Terminal, { failure }: ChangeVerdict): number {
  const code = failure?.code ?? NO_ANSWER;
  terminal.err(`New settings failed with ${code}; the previous settings remain in effect. Nothing was written.`);
  if (failure === null) return EXIT_STATUS.timeout;
  terminal.err(`  ${failure.message}`);
  terminal.err(`  ${atHop(failure.hop, failure.class)}${failure.check}`);
  return exitStatusOf(failure);
}

/** Prints the events of a trial. */
export function trialPrinter({ terminal }: CommandContext, window: { windowMs: number | undefined; waits: boolean }) {
  return (event: SallyportEvent): void => {
    if (event.name === 'change-tried') {
      terminal.err('Trying the new settings; the previous ones remain in effect for now.');
    }
    if (event.name !== 'change-failed' || !window.waits || window.windowMs === undefined) return;
    // The daemon formatted this sentence, so foreign text in it is already quoted.
    terminal.err(`The new settings failed with ${String(event.code)}: ${String(event.message)}`);
    terminal.err(
      `To keep the new settings anyway, run sallyport proxy confirm in another terminal within ${window.windowMs / 1_000} s of the start. Ctrl-C discards them.`,
    );
  };
}
