// `--confirm-within`: a change is tried by whoever works with the settings before it is written, and `proxy confirm`.
//
// Guarantees: nothing is written by this; the caller writes only where it returns a status of null. Whoever goes away while
// it waits leaves the settings of before.

import { type Change, candidateOf } from '#config/apply-change.ts';
import type { LoadedSettings } from '#config/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { tellProblems } from './config.ts';
import type { Desk } from './desk-parts.ts';
import { atHop, exitStatusOf } from './failure.ts';
import { askYesNo } from './proxy-form.ts';

/** What was typed: try it first, for so long; and whether it is written in any case. */
export interface ConfirmFlags {
  /** Milliseconds; undefined: it is written at once. */
  readonly confirmWithin?: number | undefined;
  readonly saveAnyway?: boolean | undefined;
}

const SHORTEST_MS = 5_000;
const LONGEST_MS = 3_600_000;

/** A window as people write it: `60s`, `2m`, `90`; milliseconds, or null when it is none. Pure. */
export function parseWindow(text: string): number | null {
  const [, number = '', unit = 's'] = /^(\d{1,5})(s|m|h)?$/.exec(text.trim()) ?? [];
  const ms = Number(number) * { s: 1_000, m: 60_000, h: 3_600_000 }[unit as 's' | 'm' | 'h'];
  return number !== '' && ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : null;
}

/** What the trial came to; `status` is null where the change is to be written. */
export interface Tried {
  readonly status: number | null;
  readonly verdict: ChangeVerdict | null;
}

/** Tries the change. @throws CodedError CHANGE-PENDING, CONFIG-CHANGED, what refuses the settings */
export async function tryChange(
  desk: Desk,
  loaded: LoadedSettings,
  asked: { readonly change: Change; readonly confirm: ConfirmFlags; readonly json: boolean },
): Promise<Tried> {
  const { change, confirm, json } = asked;
  const { terminal } = desk;
  if (confirm.confirmWithin === undefined) return { status: null, verdict: null };
  const { text, typed } = await candidateOf(loaded, change, desk.files);
  const judged = await desk.load(text);
  if (!judged.ok) {
    terminal.err(
      'With this change the file would be wrong; the lines are those that it would have. Nothing was written.',
    );
    return { status: tellProblems(terminal, judged), verdict: null };
  }
  const daemon = await desk.findDaemon();
  // Without a daemon no other terminal can reach this trial, so nobody is waited for.
  const waits = daemon !== null && confirm.saveAnyway !== true;
  const request = { text, typed, window_ms: confirm.confirmWithin, waits, by: desk.who };
  const control = daemon ?? (await desk.openControl());
  try {
    const verdict = await control.tryChange(request, (event) => tellEvent(desk, event, request), desk.signal);
    return await judgeVerdict(desk, verdict, { ...confirm, json });
  } catch (thrown) {
    if (desk.signal.aborted) throw coded('CANCELLED', { reason: 'it was interrupted while it was tried' }, thrown);
    terminal.err('It could not be tried to its end. Nothing was written; the settings of before stay.');
    throw thrown;
  } finally {
    await control.close();
  }
}

/** `sallyport proxy confirm`: the change that is being tried counts, whatever its stages say. */
export async function confirmCommand(desk: Desk): Promise<number> {
  const control = await desk.openControl();
  try {
    const { trying } = (await control.status()).config;
    await control.confirmChange();
    desk.terminal.out(
      trying === null
        ? 'Confirmed: the file that was held is in force.'
        : `Confirmed: the command that waits writes its change now: ${trying.by}.`,
    );
    return EXIT_OK;
  } finally {
    await control.close();
  }
}

async function judgeVerdict(
  { terminal }: Desk,
  verdict: ChangeVerdict,
  { saveAnyway, json }: ConfirmFlags & { readonly json: boolean },
): Promise<Tried> {
  const { confirmed, by, failure } = verdict;
  if (confirmed) {
    if (!json) terminal.out(by === 'stages' ? 'The new settings work.' : 'The new settings were confirmed.');
    return { status: null, verdict };
  }
  const code = failure?.code ?? 'no answer in time';
  if (saveAnyway === true) {
    terminal.err(`New settings failed at ${code}; they are saved all the same, as you said. The network may be down.`);
    return { status: null, verdict };
  }
  terminal.err(`New settings failed at ${code}; previous settings still in force. Nothing was written.`);
  if (failure !== null) {
    terminal.err(`  ${failure.message}`);
    terminal.err(`  ${atHop(failure.hop)}${failure.check}`);
  }
  const question = 'Save them anyway? They count at once, and the network may be down.';
  if (!json && terminal.answers.interactive && (await askYesNo(terminal, question, false))) {
    return { status: null, verdict };
  }
  return { status: failure === null ? EXIT_STATUS.timeout : exitStatusOf(failure), verdict };
}

function tellEvent({ terminal }: Desk, event: SallyportEvent, asked: { window_ms: number; waits: boolean }): void {
  if (event.name === 'change-tried') terminal.err('Trying the new settings; those of before stay in force meanwhile.');
  if (event.name !== 'change-failed' || !asked.waits) return;
  // A sentence of the daemon's own formatter, as a diagnosis has it: what is foreign in it is quoted already.
  terminal.err(`They failed at ${String(event.code)}: ${String(event.message)}`);
  terminal.err(
    `To have them all the same, in another terminal and within ${asked.window_ms / 1_000} s of the begin: sallyport proxy confirm. Ctrl-C ends it now; nothing is written then.`,
  );
}
