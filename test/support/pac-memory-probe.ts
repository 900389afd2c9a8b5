// Evaluates PAC files with the given bodies, one after the other, and prints for each the result, the time until its thread
// ended, and the peak memory of the process so far, as JSON. A separate process, because that value never falls.

import { coded } from '#errors/coded-error.ts';
import { evaluatePac } from '#proxy/pac/evaluate.ts';
import { systemClock } from '#system/clock.ts';

/** What the program prints for a body. */
export interface PacProbe {
  readonly outcome: object;
  readonly tookMs: number;
  readonly grownMib: number;
}

const LIMIT_MS = 5_000;
const THREADS = 'MessagePort';

async function probe(body: string, before: number): Promise<PacProbe> {
  const startMs = systemClock.monotonic();
  const outcome = await evaluatePac({
    script: `function FindProxyForURL(url, host) { ${body} }`,
    url: 'https://updates.example/',
    host: 'updates.example',
    lookUp: () => Promise.resolve([]),
    limitMs: LIMIT_MS,
    clock: systemClock,
    signal: new AbortController().signal,
    late: (elapsed) => coded('PAC-TIMEOUT', { where: 'proxy.pac', proxy: 'corp', url: 'x', elapsed }),
  }).catch((thrown: unknown) => ({ thrown: String(thrown) }));
  // A thread that still runs holds its port open.
  while (process.getActiveResourcesInfo().includes(THREADS)) await new Promise((resolve) => setTimeout(resolve, 10));
  const grownMib = Math.round((process.resourceUsage().maxRSS - before) / 1_024);
  return { outcome, tookMs: Math.round(systemClock.monotonic() - startMs), grownMib };
}

const probes: PacProbe[] = [];
const before = process.resourceUsage().maxRSS;
for (const body of process.argv.slice(2)) probes.push(await probe(body, before));
process.stdout.write(`${JSON.stringify(probes)}\n`);
