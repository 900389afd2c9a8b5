// Compares two starts for routes where nothing can scan a response: that of an unknown http route, and the shorter one of https.

import { ResponseTimeoutModel } from '#timeout/model.ts';
import { KINDS, type Kind } from './kinds.ts';
import { columns, printTable } from './report.ts';
import { run, Tally } from './run.ts';
import { scenarioOf } from './scenario.ts';
import { STRESS } from './stress.ts';

/** Kinds that hold nothing back. */
const NAMES = new Set(['streamFast', 'streamSlow', 'driftingLink', 'warmUp']);
const JOBS = 1_000;

/** Each ten downloads behind another proxy, so that unknown routes are frequent. */
function oftenNew(kind: Kind): Kind {
  return {
    ...kind,
    world: (random) => {
      const at = kind.world(random);
      return (job, atMs) => {
        const conditions = at(job, atMs);
        const proxy = `http://proxy-${Math.floor(job / 10)}.example.com:3128`;
        return { ...conditions, route: { ...conditions.route, proxy } };
      };
    },
  };
}

/** Prints both starts for each kind. */
export function compareOpaque(seeds: readonly number[]): void {
  const rows = [...KINDS, ...STRESS]
    .filter(({ name }) => NAMES.has(name))
    .flatMap((kind) =>
      [false, true].map((isOpaque): [string, ReturnType<typeof columns>] => {
        const tally = new Tally();
        for (const seed of seeds) tally.add(run(policy(isOpaque), scenarioOf(oftenNew(kind), seed, JOBS)));
        return [`${kind.name}, as ${isOpaque ? 'https' : 'http'}`, columns(tally)];
      }),
    );
  printTable('route', rows);
}

function policy(isOpaque: boolean): Parameters<typeof run>[0] {
  const model = new ResponseTimeoutModel();
  return {
    name: 'adaptive',
    plan: (route, size, nowMs, previous) => model.plan({ ...route, isOpaque }, size, nowMs, previous),
    extend: (plan, elapsedMs, bytes) => model.extend(plan, elapsedMs, bytes),
    observe: (route, outcome) => model.observe(route, outcome),
  };
}
