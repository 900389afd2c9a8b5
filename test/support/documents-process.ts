// Appends documents and sends them to a collector until it is killed, or until nothing is left. Prints `trying FROM
// COUNT` before a submission, and `accepted FROM COUNT` when the store has acknowledged it.
//
// Run: node documents-process.ts OUTBOX URL FROM SECONDS FROM is the number of the first document. With 0 seconds it
// appends nothing and sends what is left.

import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type DocumentsAgent, openAgent } from './documents-agent.ts';
import { rejectedNumbers } from './documents-rig.ts';

/** Small, so that batches are cut and settled all the time. */
const LIMITS = { documents: 20, bytes: 100_000 };
const APPENDERS = 3;
/** Every thirtieth submission needs segments of its own: more than 1 MiB. */
const LARGE_EVERY = 30;
const LARGE = { documents: 60, bytes: 20_000 };

/** Synchronous, because a killed process loses what is in its buffers. */
const print = (line: string) => writeSync(1, `${line}\n`);

function* documentsOf(from: number, count: number, bytes: number): Generator<Uint8Array> {
  for (let n = from; n < from + count; n += 1) yield Buffer.from(JSON.stringify({ n, text: 'x'.repeat(bytes) }));
}

async function append(agent: DocumentsAgent, first: number, untilMs: number): Promise<void> {
  let next = first;
  const appendOne = async (round: number) => {
    const isLarge = round % LARGE_EVERY === 0;
    const count = isLarge ? LARGE.documents : 1 + (round % 7);
    const from = next;
    next += count;
    print(`trying ${from} ${count}`);
    await agent.documents.append({ documents: documentsOf(from, count, isLarge ? LARGE.bytes : 100) });
    print(`accepted ${from} ${count}`);
  };
  const appender = async (at: number) => {
    for (let round = at; performance.now() < untilMs; round += APPENDERS) await appendOne(round);
  };
  await Promise.all(Array.from({ length: APPENDERS }, (_, at) => appender(at + 1)));
}

async function send(agent: DocumentsAgent, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    // An open server that restarts, or none at all, postpones a batch.
    await agent.send().catch(() => undefined);
    await delay(5);
  }
}

const [outbox = '', url = '', from = '1', seconds = '0'] = process.argv.slice(2);
const agent = await openAgent({ outbox, url, limits: LIMITS, sealAfterMs: 20 });
print('open');
let isAppending = true;
const sending = send(agent, () => !isAppending && agent.documents.waiting.documents === 0);
await append(agent, Number(from), performance.now() + Number(seconds) * 1_000);
isAppending = false;
await agent.documents.seal();
await sending;
await agent.close();
print(`rejected ${JSON.stringify(await rejectedNumbers({ ...agent, clock: null as never }))}`);
const problems = agent.events.filter(({ name }) => /quarantined|fault/.test(name));
print(`problems ${JSON.stringify(problems.map(({ name }) => name))}`);
