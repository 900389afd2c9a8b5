// The uploads of the demo: documents of exposure analytics and a bundle of support logs, sent by the same commands that
// a user would run, through the demo's proxy to its update server.

import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { QueueList } from '#control/queue.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showDuration, showSize } from '#errors/template.ts';
import { type DemoTools, runShown, waitUntil } from './demo-tools.ts';

const DOCUMENTS_FILE = 'documents.ndjson';
const DOCUMENTS = [
  { asset: 'web-01', finding: 'tls-1.0-enabled', severity: 5 },
  { asset: 'db-02', finding: 'default-password', severity: 9 },
  { asset: 'db-02', finding: 'missing-patch', severity: 7 },
];
const CASE = 'DEMO-1';
/** Documents arrive about a second after they were submitted. */
const MAX_WAIT_MS = 30_000;

/**
 * Sends both. Resolves with the exit status of what failed first.
 * @throws the reason of the signal
 */
export async function sendUploads(uploads: DemoTools): Promise<number> {
  const { dir, terminal } = uploads;
  await writeFile(join(dir, DOCUMENTS_FILE), DOCUMENTS.map((one) => `${JSON.stringify(one)}\n`).join(''));
  terminal.out('');
  terminal.out('Next: analytics and support logs, uploaded through the same proxy.');
  const submit = ['submit', join(dir, DOCUMENTS_FILE)];
  const submitted = await runShown(uploads, { shown: `submit ${DOCUMENTS_FILE}`, args: submit });
  if (submitted !== EXIT_OK) return submitted;
  const sent = await runShown(uploads, { shown: `send-logs --case ${CASE}`, args: ['send-logs', '--case', CASE] });
  if (sent !== EXIT_OK) return sent;
  if (!(await waitUntil(uploads, MAX_WAIT_MS, () => isQueueEmpty(uploads)))) {
    terminal.err(`The documents did not arrive within ${showDuration(MAX_WAIT_MS)}; the log shows why.`);
    return EXIT_STATUS.timeout;
  }
  return EXIT_OK;
}

/** Whether the daemon has all receipts, so that nothing waits any more. */
export async function isQueueEmpty({ runCommand, configFile, signal }: DemoTools): Promise<boolean> {
  const lines: string[] = [];
  const terminal = { out: (line: string) => lines.push(line), err: () => undefined };
  const status = await runCommand(['queue', 'ls', '--json', '--config', configFile], { terminal, signal });
  if (status !== EXIT_OK) return false;
  const { kinds } = JSON.parse(lines.join('\n')) as QueueList;
  return kinds.every(({ waiting }) => waiting.items === 0);
}

/** Prints where everything is that the server has received. */
export function printArrived({ dir, origin, terminal }: DemoTools): void {
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
