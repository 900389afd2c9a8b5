// `sallyport diagnose`, `proxy test` and Test Connection: each asks for a diagnosis and tells it. Exit status 0 when the work
// would go well, also with warnings; else that of the class of the first failure.
//
// Guarantees: a secret that a proxy refused goes out again only when somebody says so, by the flag or at the terminal.

import type { Control, Diagnosis, DiagnosisRequest } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { diagnosisLines } from './diagnosis-text.ts';
import { exitStatusOf } from './terminal/failure.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

/** Who is asked for a diagnosis. */
export type Diagnoser = Pick<Control, 'diagnose' | 'retryCredentials'>;

export interface DiagnoseOptions {
  readonly request: DiagnosisRequest;
  readonly json: boolean;
  readonly retryCredential: boolean;
  readonly signal: AbortSignal;
}

/** Diagnoses, once more where somebody allows a refused password to be tried again. */
export async function diagnoseCommand(
  control: Diagnoser,
  terminal: Terminal,
  options: DiagnoseOptions,
): Promise<number> {
  const { json, request } = options;
  const diagnosis = await diagnoseAsking(control, terminal, { ...options, mayPrompt: !json });
  if (json) printJson(terminal, diagnosis);
  else for (const line of diagnosisLines(diagnosis, terminal.screen.color)) terminal.out(line);
  const command = request.through === null ? 'diagnose' : `proxy test ${request.through}`;
  if (waitingIn(diagnosis) !== null) {
    terminal.err(`The password was not sent. To try it once: sallyport ${command} --retry-credential`);
  }
  return diagnosisStatus(diagnosis);
}

/** Diagnoses, and asks before it sends a password again that was refused; where nobody may be asked it does not. */
export async function diagnoseAsking(
  control: Diagnoser,
  terminal: Terminal,
  options: Omit<DiagnoseOptions, 'json'> & { readonly mayPrompt: boolean },
): Promise<Diagnosis> {
  const { request, signal, retryCredential, mayPrompt } = options;
  // The password of settings that are not saved is known to nobody by the name of its profile.
  const profile = request.candidate === null ? request.through : null;
  if (retryCredential) await control.retryCredentials(profile);
  const diagnosis = await control.diagnose(request, signal);
  const waiting = mayPrompt && !retryCredential ? waitingIn(diagnosis) : null;
  if (waiting === null || !(await mayRetry(terminal, waiting))) return diagnosis;
  await control.retryCredentials(profile);
  return await control.diagnose(request, signal);
}

/** The exit status of a diagnosis. */
function diagnosisStatus({ verdict: { outcome, finding } }: Diagnosis): number {
  return outcome === 'failed' && finding !== null ? exitStatusOf(finding) : EXIT_OK;
}

/** Why a secret was not sent; null when none waits. */
function waitingIn({ purposes }: Diagnosis): string | null {
  return purposes.find(({ credential_waits: waits }) => waits)?.failure?.message ?? null;
}

/** An attempt may lock an account: a person decides, and where none sits nobody does. */
async function mayRetry({ answers, err }: Terminal, why: string): Promise<boolean> {
  if (!answers.interactive) return false;
  err(why);
  const answer = await answers.line('Send this password once more? The proxy counts it as a login attempt. [y/N] ');
  return /^y(?:es)?$/i.test(answer?.trim() ?? '');
}
