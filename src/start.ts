// Runs one command. Registers the secrets of the environment for masking first, and returns the exit status.
//
// Every error ends here as a line with a code and advice. Only a bug in Sallyport prints a stack trace. `main.ts` calls
// this in the real process, and tests call it in their own process. Other programs call `submit` and `status` often, so
// these start without the modules that they do not need (docs/architecture.md, "Starting").

import { existsSync } from 'node:fs';
import {
  COMPLETE_COMMAND,
  readStatusCall,
  readSubmission,
  type StatusCall,
  type SubmitCall,
} from '#cli/program/quick-arguments.ts';
import { printError } from '#cli/terminal/failure.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { findPlaces, type Places } from '#config/places.ts';
import { asCoded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { secretsInEnvironment } from '#proxy/choosing/environment-proxies.ts';
import { createRedactor, type Redactor } from '#redaction/redact.ts';
import type { Host } from './host.ts';

/** Runs the command of these arguments; returns its exit status. */
export async function runSallyport(args: readonly string[], host: Host): Promise<number> {
  const { terminal, known, environment } = host;
  if (args[0] === COMPLETE_COMMAND) return await complete(args.slice(1), host);
  for (const secret of secretsInEnvironment(environment.environment)) known.add(secret);
  try {
    if (environment.refused !== null) throw environment.refused;
    const { removed } = environment;
    if (removed !== null) terminal.err(`sallyport: the environment variable ${removed} is set; it has no effect here.`);
    const submission = readSubmission(args);
    if (submission !== null) return await submit(submission, host);
    const asked = readStatusCall(args);
    const printed = asked === null ? null : await printStatus(asked, host);
    if (printed !== null) return printed;
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

/** For a shell, at a press of Tab: whatever fails, the line that the user types stays as it is. */
async function complete(args: readonly string[], host: Host): Promise<number> {
  const { completeWords } = await import('#cli/completion/complete.ts');
  await completeWords(args, { terminal: host.terminal, places: placesFor(host) }).catch(() => undefined);
  return EXIT_OK;
}

async function submit({ globals, options }: SubmitCall, host: Host): Promise<number> {
  const { submitAction } = await import('./submit-action.ts');
  const { environment } = host.environment;
  const places = placesFor(host);
  const { terminal, known, stopping: signal } = host;
  return await submitAction({ terminal, known, environment, places, signal }).submit(globals, options);
}

/** The exit status; null if the complete command must run. */
async function printStatus(call: StatusCall, host: Host): Promise<number | null> {
  const { quickStatus } = await import('#cli/watch/quick-status.ts');
  const { terminal, known } = host;
  return await quickStatus({ terminal, places: placesFor(host), known: createRedactor(known) }, call);
}

function placesFor({ root, environment: { environment } }: Host): Places {
  return findPlaces({ root, environment, exists: existsSync });
}

/** Prints where a bug was noticed, without secrets. */
export function printStack(thrown: unknown, terminal: Terminal, redactor: Redactor): void {
  if (thrown instanceof Error) terminal.err(redactor.redact(thrown.stack ?? ''));
}
