// Answers the requests of a command while no daemon is running (it implements `Control`). This process then has the
// same parts as a daemon, but no schedules and no socket.

import type { Environment } from '#config/places.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { type Control, VERBS } from '#control/control.ts';
import { inProcess, methodsOf } from '#control/verb.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { Agent, type RoundWatch } from './agent.ts';
import { Followers } from './answers/followers.ts';
import { compose } from './compose.ts';
import { MetricsSource } from './metrics/metrics-source.ts';
import type { LoadAgain, Parts } from './parts.ts';
import { ScheduleState, schedulesPath, UPDATES } from './schedule/schedule-state.ts';
import { handlersOf } from './verbs.ts';

/** Builds the parts and returns their Control; `close` releases everything. */
export async function openInProcess(options: {
  readonly loaded: LoadedSettings;
  readonly known: KnownSecrets;
  readonly version: string;
  readonly environment?: Environment;
  readonly checkout?: string | null;
  readonly load?: LoadAgain;
}): Promise<Control> {
  const parts = await compose({ ...options, mode: 'command' });
  const agent = new Agent(parts);
  agent.watchRounds(markRounds(parts));
  const watchers = { followers: new Followers(parts), metrics: new MetricsSource(parts, agent) };
  const carry = inProcess(handlersOf(agent, parts, watchers), 'admin');
  return methodsOf(VERBS, carry, () => agent.close());
}

/**
 * Marks the record of the daemon's schedule while a round of this process runs. If the round is interrupted, the
 * daemon repeats it when it starts. Without a record there is nothing to mark: that daemon checks at its first start
 * anyway.
 */
export function markRounds({ files, ports }: Parts): RoundWatch {
  const state = new ScheduleState(files, schedulesPath(ports.settings()));
  const mark = async (open: boolean) => {
    const record = state.get(UPDATES);
    if (record === null || record.open === open) return;
    state.put(UPDATES, { ...record, open });
    // A full disk is reported by the round itself.
    await state.save().catch(() => undefined);
  };
  return {
    began: async () => {
      await state.load();
      await mark(true);
    },
    ended: async () => await mark(false),
  };
}
