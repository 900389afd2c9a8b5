// The tables and the sentences of the report.

import type { Tally } from './run.ts';

export interface Columns {
  /** Good attempts that were interrupted. */
  readonly interruptedPercent: number;
  /** Jobs that no attempt completed. */
  readonly failedPercent: number;
  /** From the last byte to the end of a dead attempt. */
  readonly deadWaitSeconds: number;
  /** Its ratio to the clairvoyant's, of sums and of each one. */
  readonly toClairvoyant: number;
  readonly geometric: number;
  /** Wasted upstream bytes as a share of useful ones. */
  readonly fetchedAgainPercent: number;
  /** Spent in attempts that were ended by a timeout. */
  readonly lostSecondsPerJob: number;
}

export function columns(tally: Tally): Columns {
  return {
    interruptedPercent: (100 * tally.interrupted) / tally.live,
    failedPercent: (100 * tally.lost) / tally.jobs,
    deadWaitSeconds: tally.deadWaitMs / tally.dead / 1_000,
    toClairvoyant: tally.deadWaitMs / tally.clairvoyantMs,
    geometric: Math.exp(tally.logRatio / tally.dead),
    fetchedAgainPercent: (100 * tally.thrownAwayBytes) / tally.usefulBytes,
    lostSecondsPerJob: tally.lostMs / tally.jobs / 1_000,
  };
}

/** In Markdown, for docs/response-timeout-benchmark.md. */
export function printTable(of: string, rows: readonly (readonly [string, Columns])[]): void {
  console.log(
    `| ${of} | interrupted, % | failed, % | dead wait, s | to clairvoyant | geometric | downloaded in vain, % | lost time, s |`,
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [name, row] of rows) {
    const cells = [
      row.interruptedPercent.toFixed(3),
      row.failedPercent.toFixed(2),
      row.deadWaitSeconds.toFixed(0),
      row.toClairvoyant.toFixed(2),
      row.geometric.toFixed(2),
      row.fetchedAgainPercent.toFixed(2),
      row.lostSecondsPerJob.toFixed(2),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

interface Named {
  readonly name: string;
  readonly columns: Columns;
}

/** Policies that abort more than a fifth of good transfers are not compared: their short waits are worth nothing. */
const TOO_MANY_INTERRUPTED_PERCENT = 20;

/** Whether the required targets hold, and which of the goals do. */
export function line1(
  [ours, ...others]: readonly Named[],
  rivalName: string,
  worstPercent: number,
): { readonly holds: boolean; readonly sentences: readonly string[] } {
  const rival = others.find(({ name }) => name === rivalName)?.columns;
  const own = ours?.columns;
  if (own === undefined || rival === undefined) return { holds: false, sentences: ['nothing to compare with'] };
  const beaten = others.filter(
    ({ name, columns: other }) => name !== rivalName && other.interruptedPercent <= TOO_MANY_INTERRUPTED_PERCENT,
  );
  const unbeaten = beaten.filter(({ columns: other }) => !isBetter(own, other)).map(({ name }) => name);
  const ratio = (of: keyof Columns) => own[of] / rival[of];
  const musts: [string, boolean][] = [
    [
      `interrupted good transfers: ${ratio('interruptedPercent').toFixed(3)} x the rival's (limit 0.125)`,
      ratio('interruptedPercent') <= 0.125,
    ],
    [`dead wait: ${ratio('deadWaitSeconds').toFixed(2)} x the rival's (limit 1.4)`, ratio('deadWaitSeconds') <= 1.4],
    [
      `lost time: ${ratio('lostSecondsPerJob').toFixed(2)} x the rival's (limit 0.5)`,
      ratio('lostSecondsPerJob') <= 0.5,
    ],
  ];
  if (beaten.length > 0) {
    const exceptions = unbeaten.length > 0 ? `, but not ${unbeaten.join('; ')}` : '';
    musts.push([
      `better in all three values than the ${beaten.length} other rules that interrupt at most ${TOO_MANY_INTERRUPTED_PERCENT} % of good transfers${exceptions}`,
      unbeaten.length === 0,
    ]);
  }
  const goals: [string, boolean][] = [
    [`${own.interruptedPercent.toFixed(3)} % of good transfers interrupted (goal 0.20)`, own.interruptedPercent <= 0.2],
    [
      `${worstPercent.toFixed(2)} % of good transfers interrupted on the worst kind of route (goal 0.8)`,
      worstPercent <= 0.8,
    ],
    [`dead wait: ${own.toClairvoyant.toFixed(2)} x the clairvoyant policy's (goal 1.7)`, own.toClairvoyant <= 1.7],
    [`${own.lostSecondsPerJob.toFixed(2)} s lost for each download (goal 5.5)`, own.lostSecondsPerJob <= 5.5],
    [`${own.fetchedAgainPercent.toFixed(2)} % downloaded in vain (goal 0.3)`, own.fetchedAgainPercent <= 0.3],
    [`${own.failedPercent.toFixed(3)} % of downloads failed (goal 0.03)`, own.failedPercent <= 0.03],
  ];
  const verdict = ([what, holds]: [string, boolean]) => `${holds ? 'holds ' : 'MISSED'} ${what}`;
  return {
    holds: musts.every(([, holds]) => holds),
    sentences: ['', ...musts.map(verdict), '', ...goals.map(verdict)],
  };
}

function isBetter(own: Columns, other: Columns): boolean {
  return (
    own.interruptedPercent < other.interruptedPercent &&
    own.deadWaitSeconds < other.deadWaitSeconds &&
    own.lostSecondsPerJob < other.lostSecondsPerJob
  );
}
