// The work that the daemon does on its own: scheduled checks for updates (rounds), receipts when they are due, and
// monitoring of the results.
//
// Guarantees: no failure here ends the daemon. After a step of the wall clock or a change of the settings, the next
// round is planned again. Every wait uses the same clock. Relies on the agent to run one round at a time.

import type { Agent } from '#daemon/agent.ts';
import { HealthWatch } from '#daemon/answers/health.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import { untilAborted } from '#system/abort.ts';
import { isDiskFull } from '#updates/disk-pause.ts';
import { configuredFeed } from '#updates/request.ts';
import type { RoundReport } from '#updates/round.ts';
import { Schedule, type Timetable } from './schedule.ts';
import { ScheduleReloader } from './schedule-reloader.ts';
import { type ScheduleRecord, ScheduleState, schedulesPath, UPDATES } from './schedule-state.ts';

const HOUR_MS = 3_600_000;

/** Until when rounds run, and what follows them. */
interface RoundsOptions {
  readonly signal: AbortSignal;
  /** Called after each round. */
  onRound?(round: RoundReport): void;
}

/** Runs rounds until the signal; then starts nothing more. */
export async function runRounds(parts: Parts, agent: Agent, { signal, onRound }: RoundsOptions): Promise<void> {
  const { report, config } = parts;
  const run = () => quietly(parts, () => agent.sendReceipts());
  const receipts = new DeliveryTimer({ spool: parts.ports.spool, clock: parts.clock, run });
  const state = await openState(parts);
  const health = watchHealth(parts, state.get(UPDATES));
  const schedule = new Schedule({
    name: UPDATES,
    timetable: () => timetableOf(parts),
    isFirst: () => !knowsFeed(parts),
    agentId: parts.ports.agent.id,
    clock: parts.clock,
    state,
    report,
    packageRetryAt: () => parts.ports.retries.nextAt(),
    windowBeginsAt: (name, at) => parts.ports.windows.beginsAt(name, at),
    onDue: (scope) => void quietly(parts, () => agent.round(scope)),
    onStep: () => {
      health.stepped();
      receipts.plan();
    },
    onUnsaved: (error) => {
      if (isDiskFull(error)) void parts.ports.disk.note(error);
      else report({ name: 'fault', error });
    },
  });
  agent.attach({
    health,
    nextAt: () => schedule.nextAt(),
    waitFor: (windows) => schedule.waitFor(windows),
    began: () => schedule.began(),
    ended: (round) => {
      health.ended(round.error);
      schedule.ended(round);
      receipts.plan();
      onRound?.(round);
      return Promise.resolve();
    },
  });
  const refresh = () => schedule.refresh();
  config.add(new ScheduleReloader(refresh));
  // With any other settings, what failed may succeed.
  config.watch({ ended: (outcome) => outcome === 'applied' && refresh() });
  schedule.start();
  health.start();
  receipts.plan();
  await untilAborted(signal);
  report({ name: 'stopping', reason: reasonOf(signal) });
  schedule.stop();
  health.stop();
  receipts.stop();
}

/** The reason of an aborted signal, in words. */
export function reasonOf(signal: AbortSignal): string {
  const { reason } = asCoded(signal.reason).facts;
  return typeof reason === 'string' ? reason : 'asked to';
}

async function openState({ files, ports, report }: Parts): Promise<ScheduleState> {
  const state = new ScheduleState(files, schedulesPath(ports.settings()));
  const error = await state.load();
  if (error !== null) report({ name: 'state-set-aside', error });
  return state;
}

function watchHealth(parts: Parts, record: ScheduleRecord | null): HealthWatch {
  const { clock, report, ports } = parts;
  const feed = configuredFeed(ports.settings());
  // A manual check without a daemon counts as well.
  const accepted = feed === null ? null : (ports.memory.feed(feed.href)?.accepted_at ?? null);
  const successes = [record?.succeeded_at ?? null, accepted].filter((at) => at !== null);
  return new HealthWatch({
    clock,
    report,
    limitMs: () => {
      const settings = ports.settings();
      return configuredFeed(settings) === null ? null : settings.updates.stale_after_hours * HOUR_MS;
    },
    before: {
      firstMs: record?.first_at ?? clock.now(),
      succeededMs: successes.length === 0 ? null : Math.max(...successes),
      failures: record?.failures ?? 0,
      interrupted: record?.open ?? false,
    },
  });
}

function timetableOf({ ports }: Parts): Timetable {
  const { updates, time_zone: timeZone, retry } = ports.settings();
  return {
    expression: updates.schedule,
    timeZone,
    jitterSeconds: updates.jitter_seconds,
    maxDelaySeconds: retry.max_delay_seconds,
  };
}

/** Whether a check of the configured feed has ever succeeded. */
function knowsFeed({ ports }: Parts): boolean {
  const feed = configuredFeed(ports.settings());
  return feed === null || ports.memory.feed(feed.href) !== null;
}

/** Runs work that is not awaited. A stop is not a failure; any other error is reported. */
async function quietly(parts: Parts, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    const error = asCoded(thrown);
    if (error.code !== 'INTERRUPTED') parts.report({ name: 'fault', error });
  }
}
