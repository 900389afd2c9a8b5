// The uploads of the demo: documents of exposure analytics and a bundle of support logs, sent by the same commands that
// a user would run, through the demo's proxy to its update server.

import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { QueueList } from '#control/queue.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showDuration, showSize } from '#errors/template.ts';
import type { Origin } from '#origin/server.ts';
import { systemClock, wait } from '#system/clock.ts';

/** The output of the demo. */
export interface DemoTerminal {
  out(line: string): void;
  err(line: string): void;
}

/** Runs a command of Sallyport, which prints to this terminal. Resolves with its exit status. */
export type RunCommand = (
  args: readonly string[],
  options: { readonly terminal: DemoTerminal; readonly signal: AbortSignal },
) => Promise<number>;

export interface DemoUploads {
  /** The folder of the demo. */
  readonly dir: string;
  readonly origin: Origin;
  readonly configFile: string;
  readonly terminal: DemoTerminal;
  readonly runCommand: RunCommand;
  readonly signal: AbortSignal;
}

const DOCUMENTS_FILE = 'documents.ndjson';
const DOCUMENTS = [
  { asset: 'web-01', finding: 'tls-1.0-enabled', severity: 5 },
  { asset: 'db-02', finding: 'default-password', severity: 9 },
  { asset: 'db-02', finding: 'missing-patch', severity: 7 },
];
const CASE = 'DEMO-1';
const LOOK_EVERY_MS = 100;
/** Documents arrive about a second after they were submitted. */
const MAX_WAIT_MS = 30_000;

/**
 * Sends both and prints where they arrived. Resolves with the exit status of what failed first.
 * @throws the reason of the signal
 */
export async function sendUploads(uploads: DemoUploads): Promise<number> {
  const { dir, terminal } = uploads;
  await writeFile(join(dir, DOCUMENTS_FILE), DOCUMENTS.map((one) => `${JSON.stringify(one)}\n`).join(''));
  terminal.out('');
  terminal.out('Next: analytics and support logs, uploaded through the same proxy.');
  const submit = ['submit', join(dir, DOCUMENTS_FILE)];
  const submitted = await command(uploads, { shown: `submit ${DOCUMENTS_FILE}`, args: submit });
  if (submitted !== EXIT_OK) return submitted;
  const sent = await command(uploads, { shown: `send-logs --case ${CASE}`, args: ['send-logs', '--case', CASE] });
  if (sent !== EXIT_OK) return sent;
  if (!(await haveArrived(uploads))) {
    terminal.err(`The documents did not arrive within ${showDuration(MAX_WAIT_MS)}; the log shows why.`);
    return EXIT_STATUS.timeout;
  }
  printArrived(uploads);
  return EXIT_OK;
}

async function command(
  { terminal, runCommand, configFile, signal }: DemoUploads,
  { shown, args }: { readonly shown: string; readonly args: readonly string[] },
): Promise<number> {
  terminal.out(`$ sallyport ${shown}`);
  return await runCommand([...args, '--config', configFile], { terminal, signal });
}

/** Whether the daemon has the receipts, so that nothing waits any more. */
async function isQueueEmpty({ runCommand, configFile, signal }: DemoUploads): Promise<boolean> {
  const lines: string[] = [];
  const terminal = { out: (line: string) => lines.push(line), err: () => undefined };
  const status = await runCommand(['queue', 'ls', '--json', '--config', configFile], { terminal, signal });
  if (status !== EXIT_OK) return false;
  const { kinds } = JSON.parse(lines.join('\n')) as QueueList;
  return kinds.every(({ waiting }) => waiting.items === 0);
}

async function haveArrived(uploads: DemoUploads): Promise<boolean> {
  const untilMs = systemClock.monotonic() + MAX_WAIT_MS;
  while (!(await isQueueEmpty(uploads))) {
    if (systemClock.monotonic() >= untilMs) return false;
    await wait(systemClock, LOOK_EVERY_MS, uploads.signal);
  }
  return true;
}

function printArrived({ dir, origin, terminal }: DemoUploads): void {
  const { documents, bundles } = origin.record;
  terminal.out('');
  terminal.out('The update server of the demo has received, in the folder of the demo:');
  terminal.out(`  Analytics      ${documents} documents`);
  terminal.out(`                 ${relative(dir, origin.documentsFile)}`);
  for (const { job, length, filename } of bundles) {
    terminal.out(`  Support logs   bundle ${job}, ${showSize(length)}`);
    terminal.out(`                 ${relative(dir, join(origin.bundlesDir, job, filename))}`);
  }
}
