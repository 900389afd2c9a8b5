// Evaluates PAC files, one after the other. Each is given as its limit in milliseconds and its body. Prints for each,
// as JSON, the result, the time until its thread ended, and the peak memory of the process so far. It is a separate
// process, because the peak never falls.

import '#test/support/built-threads.ts';
import { coded } from '#errors/coded-error.ts';
import { evaluatePac } from '#proxy/pac/evaluate.ts';
import { systemClock } from '#system/clock.ts';

/** What the program prints for a body. */
export interface PacProbe {
  readonly outcome: object;
  readonly tookMs: number;
  readonly grownMib: number;
}

const THREADS = 'MessagePort';

async function probe(limitMs: number, body: string): Promise<PacProbe> {
  const startMs = systemClock.monotonic();
  const outcome = await evaluatePac({
    script: `function FindProxyForURL(url, host) { ${body} }`,
    url: 'https://updates.example/',
    host: 'updates.example',
    lookUp: () => Promise.resolve([]),
    limitMs,
    clock: systemClock,
    signal: new AbortController().signal,
    late: (elapsed) => coded('PAC-TIMEOUT', { where: 'proxy.pac', proxy: 'corp', url: 'x', elapsed }),
  }).catch((thrown: unknown) => ({ thrown: String(thrown) }));
  // A thread that still runs holds its port open.
  while (process.getActiveResourcesInfo().includes(THREADS)) await new Promise((resolve) => setTimeout(resolve, 10));
  const grownMib = Math.round((process.resourceUsage().maxRSS - before) / 1_024);
  return { outcome, tookMs: Math.round(systemClock.monotonic() - startMs), grownMib };
}

const before = process.resourceUsage().maxRSS;
const probes: PacProbe[] = [];
const given = process.argv.slice(2);
for (let at = 0; at < given.length; at += 2) probes.push(await probe(Number(given[at]), given[at + 1] ?? ''));
process.stdout.write(`${JSON.stringify(probes)}\n`);
