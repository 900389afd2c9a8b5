// The entry point: runs the program in this process. Takes over the environment, listens for signals, and sets the exit
// status. An uncaught error is a bug in Sallyport: it is reported on the screen and in the open log.

import { fileURLToPath } from 'node:url';
import { printError } from '#cli/terminal/failure.ts';
import { processTerminal } from '#cli/terminal/terminal.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { takeEnvironment } from '#system/process/environment.ts';
import { hasTerminal } from '#system/process/has-terminal.ts';
import { dieOf, LastResort } from '#system/process/last-resort.ts';
import { nameProcess } from '#system/process/process-name.ts';
import { printStack, runSallyport } from './start.ts';

/** The last one only if this process has a terminal. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

nameProcess('sallyport');
const terminal = processTerminal();
const known = new KnownSecrets();
const redactor = createRedactor(known);
const environment = takeEnvironment(process.env, process.pid);
const lastResort = new LastResort();
lastResort.register({ running: () => [], onForcedEnd: (error) => void printError(terminal, error, redactor) });
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, dieOfDefect);
const stopping = listenForSignals();
const root = fileURLToPath(new URL('..', import.meta.url));
process.exitCode = await runSallyport(process.argv.slice(2), {
  root,
  terminal,
  environment,
  known,
  lastResort,
  stopping,
});

/**
 * The first SIGTERM, SIGINT, or SIGHUP of a terminal starts an orderly shutdown with a time limit. A second one ends the
 * process at once.
 */
function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  // SIGUSR2 reopens the log (`run.ts`). Before there is a log, its default action must not end the process.
  process.on('SIGUSR2', () => undefined);
  // Without a terminal, SIGHUP reloads the configuration. It may arrive before or after the daemon handles it.
  const isClosable = hasTerminal();
  if (!isClosable) process.on('SIGHUP', () => undefined);
  for (const signal of isClosable ? ENDING : ENDING.slice(0, 2)) {
    process.on(signal, () => {
      if (controller.signal.aborted) dieOf(signal);
      lastResort.arm();
      controller.abort(coded('INTERRUPTED', { reason: signal }));
    });
  }
  return controller.signal;
}

function dieOfDefect(thrown: unknown): never {
  try {
    lastResort.notifyListeners(asCoded(thrown));
    printStack(thrown, terminal, redactor);
  } finally {
    process.exit(EXIT_STATUS.internal);
  }
}
