// Runs one command. Registers the secrets of the environment for masking first, and returns the exit status.
//
// Every error ends here as a line with a code and advice. Only a bug in Sallyport prints a stack trace. `main.ts` calls
// this in the real process, and tests call it in their own process. Other programs call `submit` often, so `submit`
// starts without the modules that it does not need (docs/architecture.md, "Starting").

import { existsSync } from 'node:fs';
import { readSubmission, type SubmitCall } from '#cli/program/submit-arguments.ts';
import { printError } from '#cli/terminal/failure.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { findPlaces } from '#config/places.ts';
import { asCoded } from '#errors/coded-error.ts';
import { secretsInEnvironment } from '#proxy/choosing/environment-proxies.ts';
import { createRedactor, type Redactor } from '#redaction/redact.ts';
import type { Host } from './host.ts';

/** Runs the command of these arguments; returns its exit status. */
export async function runSallyport(args: readonly string[], host: Host): Promise<number> {
  const { terminal, known, environment } = host;
  for (const secret of secretsInEnvironment(environment.environment)) known.add(secret);
  try {
    if (environment.refused !== null) throw environment.refused;
    const { removed } = environment;
    if (removed !== null) terminal.err(`sallyport: the environment variable ${removed} is set; it has no effect here.`);
    const submission = readSubmission(args);
    if (submission !== null) return await submit(submission, host);
    const { runCommand } = await import('./sallyport.ts');
    return await runCommand(args, host, runSallyport);
  } catch (thrown) {
    const error = asCoded(thrown);
    const redactor = createRedactor(known);
    const status = printError(terminal, error, redactor);
    if (error.code === 'INTERNAL') printStack(thrown, terminal, redactor);
    return status;
  }
}

async function submit({ globals, options }: SubmitCall, host: Host): Promise<number> {
  const { submitAction } = await import('./submit-action.ts');
  const { environment } = host.environment;
  const places = findPlaces({ root: host.root, environment, exists: existsSync });
  const { terminal, known, stopping: signal } = host;
  return await submitAction({ terminal, known, environment, places, signal }).submit(globals, options);
}

/** Prints where a bug was noticed, without secrets. */
export function printStack(thrown: unknown, terminal: Terminal, redactor: Redactor): void {
  if (thrown instanceof Error) terminal.err(redactor.redact(thrown.stack ?? ''));
}
