// The tables and the sentences of the report.

import type { Tally } from './run.ts';

export interface Columns {
  /** Live attempts that were killed. */
  readonly falsePercent: number;
  /** Jobs that no attempt completed. */
  readonly lostPercent: number;
  /** From the last byte to the kill of a dead attempt. */
  readonly deadWaitSeconds: number;
  /** Its ratio to the clairvoyant's, of sums and of each one. */
  readonly toClairvoyant: number;
  readonly geometric: number;
  /** Wasted upstream bytes as a share of useful ones. */
  readonly fetchedAgainPercent: number;
  /** Spent in attempts that were killed. */
  readonly lostSecondsPerJob: number;
}

export function columns(tally: Tally): Columns {
  return {
    falsePercent: (100 * tally.killedLive) / tally.live,
    lostPercent: (100 * tally.lost) / tally.jobs,
    deadWaitSeconds: tally.deadWaitMs / tally.dead / 1_000,
    toClairvoyant: tally.deadWaitMs / tally.clairvoyantMs,
    geometric: Math.exp(tally.logRatio / tally.dead),
    fetchedAgainPercent: (100 * tally.thrownAwayBytes) / tally.usefulBytes,
    lostSecondsPerJob: tally.lostMs / tally.jobs / 1_000,
  };
}

/** In Markdown, for docs/response-timeout.md. */
export function printTable(of: string, rows: readonly (readonly [string, Columns])[]): void {
  console.log(`| ${of} | false% | lost% | deadW s | xClair | gm | redown% | s/job |`);
  console.log('|---|---|---|---|---|---|---|---|');
  for (const [name, row] of rows) {
    const cells = [
      row.falsePercent.toFixed(3),
      row.lostPercent.toFixed(2),
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
const KILLS_TOO_MANY_PERCENT = 20;

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
    ({ name, columns: other }) => name !== rivalName && other.falsePercent <= KILLS_TOO_MANY_PERCENT,
  );
  const unbeaten = beaten.filter(({ columns: other }) => !isBetter(own, other)).map(({ name }) => name);
  const ratio = (of: keyof Columns) => own[of] / rival[of];
  const musts: [string, boolean][] = [
    [`false kills ${ratio('falsePercent').toFixed(3)} x the rival's, at most 0.125`, ratio('falsePercent') <= 0.125],
    [`dead wait ${ratio('deadWaitSeconds').toFixed(2)} x, at most 1.4`, ratio('deadWaitSeconds') <= 1.4],
    [`lost time ${ratio('lostSecondsPerJob').toFixed(2)} x, at most 0.5`, ratio('lostSecondsPerJob') <= 0.5],
  ];
  if (beaten.length > 0) {
    const exceptions = unbeaten.length > 0 ? `, but not ${unbeaten.join('; ')}` : '';
    musts.push([`better than ${beaten.length} other rules on all three${exceptions}`, unbeaten.length === 0]);
  }
  const goals: [string, boolean][] = [
    [`false kills ${own.falsePercent.toFixed(3)} %, goal 0.20`, own.falsePercent <= 0.2],
    [`worst route ${worstPercent.toFixed(2)} %, goal 0.8`, worstPercent <= 0.8],
    [`dead wait ${own.toClairvoyant.toFixed(2)} x clairvoyant, goal 1.7`, own.toClairvoyant <= 1.7],
    [`${own.lostSecondsPerJob.toFixed(2)} s lost per job, goal 5.5`, own.lostSecondsPerJob <= 5.5],
    [`${own.fetchedAgainPercent.toFixed(2)} % fetched again, goal 0.3`, own.fetchedAgainPercent <= 0.3],
    [`jobs lost ${own.lostPercent.toFixed(3)} %, goal 0.03`, own.lostPercent <= 0.03],
  ];
  const verdict = ([what, holds]: [string, boolean]) => `${holds ? 'holds ' : 'MISSED'} ${what}`;
  return {
    holds: musts.every(([, holds]) => holds),
    sentences: ['', ...musts.map(verdict), '', ...goals.map(verdict)],
  };
}

function isBetter(own: Columns, other: Columns): boolean {
  return (
    own.falsePercent < other.falsePercent &&
    own.deadWaitSeconds < other.deadWaitSeconds &&
    own.lostSecondsPerJob < other.lostSecondsPerJob
  );
}
