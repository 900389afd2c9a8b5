// The tables, limits and goals of the rule that uses probes (the witness). Values are ratios to the rule without probes
// in the same run, or counts.

import { RULES, type Rule, runRule, type Sums } from './witness-compare.ts';
import { CAUSES, DEATH_MIXES, VISIBLE } from './witness-deaths.ts';
import { ENVIRONMENTS, LIVING_MIXES } from './witness-environments.ts';

const HOUR_MS = 3_600_000;
/** Percentage points of good transfers that the witness itself may end. */
const MAX_BY_PROBE: Readonly<Record<string, number>> = { calm: 0.01, busy: 0.03, hostile: 0.06 };

export interface WitnessRuns {
  readonly seeds: readonly number[];
  /** Of each kind of route, without and with a difficult proxy. */
  readonly plainJobs: number;
  readonly otherJobs: number;
  readonly rules: readonly Rule[];
}

/** One rule in all environments. */
interface Measured {
  readonly rule: Rule;
  readonly sums: ReadonlyMap<string, readonly Sums[]>;
}

const total = (sums: readonly Sums[] | undefined, of: (one: Sums) => number) =>
  (sums ?? []).reduce((sum, one) => sum + of(one), 0);

function shareIn({ sums }: Measured, mix: string, of: (one: Sums) => number, per: (one: Sums) => number): number {
  return Object.entries(LIVING_MIXES[mix] ?? {}).reduce((sum, [name, weight]) => {
    const all = sums.get(name);
    return sum + (weight / 100) * (total(all, of) / Math.max(1, total(all, per)));
  }, 0);
}

function causeMeans({ sums }: Measured): Map<string, { waitMs: number; clairvoyantMs: number }> {
  const plain = sums.get('plain') ?? [];
  return new Map(
    Object.keys(CAUSES).map((cause) => {
      const of = (key: 'count' | 'waitMs' | 'clairvoyantMs') =>
        total(plain, (one) => one.causes.get(cause)?.[key] ?? 0);
      const count = Math.max(1, of('count'));
      return [cause, { waitMs: of('waitMs') / count, clairvoyantMs: of('clairvoyantMs') / count }];
    }),
  );
}

function deadWait(measured: Measured, mix: string): number {
  const means = causeMeans(measured);
  const weights = Object.entries(DEATH_MIXES[mix] ?? {});
  return weights.reduce((sum, [cause, weight]) => sum + (weight / 100) * (means.get(cause)?.waitMs ?? 0), 0) / 1_000;
}

function visibleRatio(measured: Measured): number {
  const seen = [...causeMeans(measured)].filter(([cause]) => VISIBLE.has(cause)).map(([, mean]) => mean);
  return seen.reduce((sum, { waitMs }) => sum + waitMs, 0) / seen.reduce((sum, one) => sum + one.clairvoyantMs, 0);
}

function hungMedian({ sums }: Measured): number {
  const waits = (sums.get('plain') ?? []).flatMap(({ hungMs }) => hungMs).sort((a, b) => a - b);
  return (waits[Math.floor(waits.length / 2)] ?? 0) / 1_000;
}

/** Runs the rules, prints the tables, and returns whether all gates hold. */
export function compareWitness({ seeds, plainJobs, otherJobs, rules }: WitnessRuns): boolean {
  const measured = rules.map((rule): Measured => {
    const sums = new Map<string, Sums[]>();
    for (const name of Object.keys(ENVIRONMENTS)) {
      const jobs = name === 'plain' ? plainJobs : otherJobs;
      sums.set(
        name,
        seeds.map((seed) => runRule(rule, name, { seed, jobs })),
      );
    }
    return { rule, sums };
  });
  printTables(measured);
  const [today, ours] = measured;
  if (today === undefined || ours === undefined) return false;
  const gates = gatesOf(today, ours);
  const print = (one: Gate) => console.log(`${one.holds ? 'holds ' : 'MISSED'} ${one.what}`);
  console.log('Limits:\n');
  for (const one of gates) if (!one.isGoal) print(one);
  console.log('\nGoals:\n');
  for (const one of gates) if (one.isGoal) print(one);
  return gates.every(({ holds, isGoal }) => holds || isGoal);
}

interface Gate {
  readonly what: string;
  readonly holds: boolean;
  /** A goal that is missed does not fail the run. */
  readonly isGoal: boolean;
}

function gatesOf(today: Measured, ours: Measured): Gate[] {
  const gates: Gate[] = [];
  const limit = (what: string, value: number, { most, digits = 2, isGoal = false }: Limit) =>
    gates.push({ what: `${what}: ${value.toFixed(digits)} (at most ${most})`, holds: value <= most, isGoal });
  const live = (sums: Sums) => sums.live;
  for (const mix of Object.keys(LIVING_MIXES)) {
    const killed = (one: Measured) => shareIn(one, mix, (sums) => sums.killed - sums.overtaken, live);
    limit(`${mix}: good transfers interrupted before another arrived, times today's`, killed(ours) / killed(today), {
      most: 0.3,
      isGoal: true,
    });
    const all = (one: Measured) => shareIn(one, mix, (sums) => sums.killed, live);
    limit(`${mix}: with those that the second request overtook, times today's`, all(ours) / all(today), {
      most: 0.3,
      isGoal: true,
    });
    const byProbe = 100 * shareIn(ours, mix, (sums) => sums.killedByProbe, live);
    limit(`${mix}: good transfers that probes ended, %`, byProbe, { most: MAX_BY_PROBE[mix] ?? 0, digits: 4 });
    const perMs = shareIn(
      ours,
      mix,
      (sums) => sums.probes,
      (sums) => sums.heldMs,
    );
    limit(`${mix}: probes in an hour of silence`, HOUR_MS * perMs, { most: 300, digits: 0 });
  }
  for (const mix of Object.keys(DEATH_MIXES)) {
    const times = deadWait(ours, mix) / deadWait(today, mix);
    limit(`${mix} deaths: dead wait, times today's`, times, { most: 1.2, isGoal: mix === 'origin' });
  }
  limit('hung, vanished and rebooted proxies: dead wait, times the clairvoyant one', visibleRatio(ours), { most: 0.5 });
  const median = 'a hung proxy where the limit is over 30 s: median of the dead wait, s';
  limit(median, hungMedian(ours), { most: 25, digits: 1, isGoal: true });
  return gates;
}

interface Limit {
  readonly most: number;
  readonly digits?: number;
  readonly isGoal?: boolean;
}

function printTables(measured: readonly Measured[]): void {
  const mixes = Object.keys(LIVING_MIXES);
  const deaths = Object.keys(DEATH_MIXES);
  console.log(
    `\n| rule | interrupted, %: ${mixes.join(' / ')} | of these overtaken, %: ${mixes.join(' / ')} | by probes, %: ${mixes.join(' / ')} | dead wait, s: ${deaths.join(' / ')} | visible to clairvoyant | hung, median s | downloaded in vain, % | lost time, s | failed, % | probes per hour |`,
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const one of measured) {
    const plain = one.sums.get('plain');
    const percent = (of: (sums: Sums) => number) => (mix: string) =>
      (100 * shareIn(one, mix, of, (sums) => sums.live)).toFixed(3);
    const cells = [
      mixes.map(percent((sums) => sums.killed)).join(' / '),
      mixes.map(percent((sums) => sums.overtaken)).join(' / '),
      mixes.map(percent((sums) => sums.killedByProbe)).join(' / '),
      deaths.map((mix) => deadWait(one, mix).toFixed(0)).join(' / '),
      visibleRatio(one).toFixed(2),
      hungMedian(one).toFixed(0),
      ((100 * total(plain, (sums) => sums.wastedBytes)) / total(plain, (sums) => sums.usefulBytes)).toFixed(2),
      (total(plain, (sums) => sums.lostMs) / total(plain, (sums) => sums.jobs) / 1_000).toFixed(2),
      ((100 * total(plain, (sums) => sums.lost)) / total(plain, (sums) => sums.jobs)).toFixed(3),
      ((HOUR_MS * total(plain, (sums) => sums.probes)) / total(plain, (sums) => sums.heldMs)).toFixed(0),
    ];
    console.log(`| ${one.rule.name} | ${cells.join(' | ')} |`);
  }
  console.log(`\n| dead wait by cause, s | ${Object.keys(CAUSES).join(' | ')} |`);
  console.log(
    `|---|${Object.keys(CAUSES)
      .map(() => '---|')
      .join('')}`,
  );
  for (const one of measured) {
    const cells = [...causeMeans(one).values()].map(({ waitMs }) => (waitMs / 1_000).toFixed(0));
    console.log(`| ${one.rule.name} | ${cells.join(' | ')} |`);
  }
  console.log('');
}

/** The rules of a short run: today's and the shipped one. */
export const SHIPPED: readonly Rule[] = RULES.slice(0, 2);
