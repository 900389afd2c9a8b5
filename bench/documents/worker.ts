// Does one piece of work on a store of documents, in a process of its own with the flags of an installed daemon. Sends
// its time in ms and its peak memory to its parent. The parent prepares everything, so that only the work itself is
// measured.

import { createReadStream, readFileSync } from 'node:fs';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { Secret } from '#redaction/secret.ts';
import type { DocumentsAgent } from '#test/support/documents-agent.ts';
import { openAgent } from '#test/support/documents-agent.ts';
import { documentRules } from '#uploads/analytics/document-rules.ts';
import { documentsOf } from '#uploads/analytics/submission.ts';

/** What a worker does. */
export type Work =
  /** Accepts the lines of a file as one submission, with the checks of a daemon. */
  | { readonly does: 'submit'; readonly file: string }
  /** Reads and checks the lines of a file, and stores nothing. */
  | { readonly does: 'read'; readonly file: string }
  /** Accepts each line of a file as a submission of its own, `atOnce` of them at a time. */
  | { readonly does: 'submit-each'; readonly file: string; readonly atOnce: number }
  /** Opens the store. */
  | { readonly does: 'open' }
  /** Sends everything to the collector at `url`. */
  | { readonly does: 'drain' };

export interface Job {
  readonly work: Work;
  readonly outbox: string;
  readonly url: string;
  readonly limits: { readonly documents: number; readonly bytes: number };
}

export interface Done {
  /** Without the start of the process. */
  readonly ms: number;
  /** CPU time of the process meanwhile, in ms: other work on the machine changes it less. */
  readonly cpuMs: number;
  /** VmHWM. */
  readonly peakMib: number;
  /** Documents that wait afterwards. */
  readonly waiting: number;
}

const SECRETS = ['correct horse battery', 'sk-4f9a7c1b2e8d6350'];

function rules() {
  const known = new KnownSecrets();
  for (const secret of SECRETS) known.add(new Secret(secret));
  return documentRules(undefined, createRedactor(known));
}

async function submitEach(agent: DocumentsAgent, file: string, atOnce: number): Promise<void> {
  let waiting: Promise<unknown>[] = [];
  for await (const { bytes, places } of documentsOf(createReadStream(file), rules())) {
    for (let at = 0; at < places.length; at += 2) {
      waiting.push(agent.documents.append({ documents: [bytes.subarray(places[at], places[at + 1])] }));
    }
    if (waiting.length < atOnce) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
}

async function drain(groups: AsyncIterable<unknown>): Promise<void> {
  const iterator = groups[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

async function perform(agent: DocumentsAgent, work: Work): Promise<void> {
  if (work.does === 'submit') {
    await agent.documents.append({ documents: documentsOf(createReadStream(work.file), rules()) });
  } else if (work.does === 'read') await drain(documentsOf(createReadStream(work.file), rules()));
  else if (work.does === 'submit-each') await submitEach(agent, work.file, work.atOnce);
  else if (work.does === 'drain') await agent.send();
}

const peakMib = () => Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024);

process.once('message', (job: Job) => {
  void (async () => {
    const { work, outbox, url, limits } = job;
    const started = performance.now();
    const agent = await openAgent({ outbox, url, limits });
    const opened = performance.now();
    const cpu = process.cpuUsage();
    await perform(agent, work);
    const ended = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    await agent.close();
    const ms = work.does === 'open' ? opened - started : ended - opened;
    const failed = agent.events.filter(({ name }) => /failed|fault|quarantined/.test(name));
    if (failed.length > 0) throw new Error(`failed: ${JSON.stringify(failed[0])}`);
    const done: Done = {
      ms,
      cpuMs: (user + system) / 1_000,
      peakMib: peakMib(),
      waiting: agent.documents.waiting.documents,
    };
    process.send?.(done, () => process.disconnect?.());
  })();
});
