// Prints the tables of bench/download.ts in Markdown. A ratio compares a program with the first one of the same round.
// The tables have the median, the least and the greatest ratio.

import type { Measured } from './measure.ts';

/** By the name of the contender. */
export type Round = ReadonlyMap<string, Measured>;

const HEADS = ['', 'wall, s', 'CPU, s', 'wall, ratio', 'CPU, ratio', 'peak memory, MiB'];

/** Ratios of one contender to another in the same rounds. */
function ratios(
  rounds: readonly Round[],
  name: string,
  base: (round: Round) => Measured | undefined,
  what: 'wallMs' | 'cpuMs',
): number[] {
  return rounds
    .map((round) => (round.get(name)?.[what] ?? Number.NaN) / (base(round)?.[what] ?? Number.NaN))
    .filter((ratio) => !Number.isNaN(ratio));
}

export function printTable(title: string, rounds: readonly Round[]): void {
  console.log(`\n${title}; rounds: ${rounds.length}\n`);
  console.log(`| ${HEADS.join(' | ')} |`);
  console.log(`|---|${'---:|'.repeat(HEADS.length - 1)}`);
  const [first] = rounds;
  if (first === undefined) return;
  const [base = ''] = first.keys();
  for (const name of first.keys()) {
    const values = (what: keyof Measured) => rounds.map((round) => round.get(name)?.[what] ?? Number.NaN);
    const ratio = (what: 'wallMs' | 'cpuMs') => spread(ratios(rounds, name, (round) => round.get(base), what));
    const cells = [
      name,
      (median(values('wallMs')) / 1_000).toFixed(2),
      (median(values('cpuMs')) / 1_000).toFixed(2),
      ratio('wallMs'),
      ratio('cpuMs'),
      Math.max(...values('peakMib')).toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}

/** The middle one. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
