// `sallyport diagnose`, `proxy test` and the connection test of `proxy add`: each requests a diagnosis and prints it.
// The exit status is 0 if updates and uploads would succeed, even with warnings. Otherwise it is the status of the
// first failure.
//
// Guarantees: a password that a proxy rejected is sent again only if the user allows it, by the flag or at the
// terminal.

import type { Control, Diagnosis, DiagnosisRequest } from '#control/control.ts';
import { diagnosisLines, type LineStyle } from '#control/text/diagnosis-text.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { exitStatusOf } from './terminal/failure.ts';
import { printJson } from './terminal/json.ts';
import { type Terminal, widthOf } from './terminal/terminal.ts';

/** The part of Control that makes a diagnosis. */
export type Diagnoser = Pick<Control, 'diagnose' | 'retryCredentials'>;

export interface DiagnoseOptions {
  readonly request: DiagnosisRequest;
  readonly json: boolean;
  readonly retryCredential: boolean;
  readonly signal: AbortSignal;
}

/** Prints the diagnosis. Returns the exit status. */
export async function diagnoseCommand(
  control: Diagnoser,
  terminal: Terminal,
  options: DiagnoseOptions,
): Promise<number> {
  const { json, request } = options;
  const diagnosis = await diagnoseAsking(control, terminal, { ...options, mayPrompt: !json });
  if (json) printJson(terminal, diagnosis);
  else for (const line of diagnosisLines(diagnosis, styleOf(terminal))) terminal.out(line);
  const command = request.through === null ? 'diagnose' : `proxy test ${request.through}`;
  if (waitingIn(diagnosis) !== null) {
    terminal.err(`The password was not sent. To try it once: sallyport ${command} --retry-credential`);
  }
  return diagnosisStatus(diagnosis);
}

/** Color and width of the window of this terminal. */
export function styleOf({ screen }: Terminal): LineStyle {
  return { color: screen.color, width: widthOf(screen) };
}

/** Diagnoses. Asks the user before it sends a rejected password again; without a terminal it does not send it. */
export async function diagnoseAsking(
  control: Diagnoser,
  terminal: Terminal,
  options: Omit<DiagnoseOptions, 'json'> & { readonly mayPrompt: boolean },
): Promise<Diagnosis> {
  const { request, signal, retryCredential, mayPrompt } = options;
  // The daemon knows no profile name for the password of settings that are not saved.
  const profile = request.candidate === null ? request.through : null;
  if (retryCredential) await control.retryCredentials(profile);
  const diagnosis = await control.diagnose(request, () => undefined, signal);
  const waiting = mayPrompt && !retryCredential ? waitingIn(diagnosis) : null;
  if (waiting === null || !(await mayRetry(terminal, waiting))) return diagnosis;
  await control.retryCredentials(profile);
  return await control.diagnose(request, () => undefined, signal);
}

function diagnosisStatus({ verdict: { outcome, finding } }: Diagnosis): number {
  return outcome === 'failed' && finding !== null ? exitStatusOf(finding) : EXIT_OK;
}

/** Why a password was not sent; null if none is on hold. */
function waitingIn({ purposes }: Diagnosis): string | null {
  return purposes.find(({ credential_waits: waits }) => waits)?.failure?.message ?? null;
}

/** An attempt may lock the account, so a person decides. Without a terminal the answer is no. */
async function mayRetry({ answers, err }: Terminal, why: string): Promise<boolean> {
  if (!answers.interactive) return false;
  err(why);
  const answer = await answers.line('Send this password once more? The proxy counts it as a login attempt. [y/N] ');
  return /^y(?:es)?$/i.test(answer?.trim() ?? '');
}
