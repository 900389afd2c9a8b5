// Measures what a lasting change of a route costs a policy, and how quickly the policy adapts.

import { KINDS } from './kinds.ts';
import type { Policy } from './policy.ts';
import { run } from './run.ts';
import { scenarioOf } from './scenario.ts';

const [SLOW_AT, FAST_AT] = [500, 1_000];
const WINDOW = 30;
const FLOOR_MS = 10_000;
const LATER = [20, 50, 100, 200];

/**
 * One line: the good attempts that were interrupted after the change, and after the return the ratio of the deadline for
 * the first byte to that of the clairvoyant policy.
 */
export function changeOf(name: string, policy: () => Policy, seeds: readonly number[]): string {
  const kind = KINDS.find((known) => known.name === name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  let label = '';
  const counts: number[] = [];
  const logs = LATER.map((): number[] => []);
  for (const seed of seeds) {
    const one = policy();
    label = one.name;
    let count = 0;
    run(one, scenarioOf(kind, seed, 1_500), ({ index, job, plan, interrupted }) => {
      if (index >= SLOW_AT && index < SLOW_AT + WINDOW) count += interrupted;
      for (const [nth, later] of LATER.entries()) {
        // Several jobs, so that one size does not decide. Below the minimum of 10 s there is nothing to compare.
        if (index < FAST_AT + later || index >= FAST_AT + later + WINDOW) continue;
        const { firstByteMs } = job.truth();
        if (firstByteMs > FLOOR_MS) logs[nth]?.push(Math.log(plan.firstByteMs / firstByteMs));
      }
    });
    counts.push(count);
  }
  const after = LATER.map((later, nth) => `+${later}: ${middle(logs[nth] ?? []).toFixed(1)}`).join('  ');
  return `${name}, ${label}: interrupted good attempts in ${WINDOW} jobs ${counts.join(', ')}; deadline / clairvoyant deadline after the return ${after}`;
}

/** The geometric mean. */
function middle(logs: readonly number[]): number {
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}
