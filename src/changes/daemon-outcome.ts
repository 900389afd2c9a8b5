// Waits until the daemon has read a changed configuration, and returns whether the daemon applied it.

import type { Control } from '#control/control.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { wait } from '#system/clock.ts';
import { isSamePath } from '#system/same-path.ts';
import type { ChangeContext } from './context.ts';

/** Whether the daemon uses the written file. */
export const APPLY_STATES = ['taken', 'refused', 'held', 'no daemon', 'not yet', 'another file'] as const;
export type ApplyState = (typeof APPLY_STATES)[number];

export interface DaemonOutcome {
  readonly taken: ApplyState;
  /** The first error that the daemon found, or the failure because of which it does not apply the file yet. */
  readonly refusal?: string;
  /** Why the daemon could not be reached. */
  readonly unreachable?: CodedError;
}

/** The written file and the time of the write. */
export interface Written {
  readonly file: string;
  readonly writtenAtMs: number;
}

/** A daemon reads a changed file once it has been stable for 250 ms, and checks for changes at least every 10 s. */
const MAX_WAIT_MS = 15_000;
const LOOK_EVERY_MS = 200;

/** Waits for at most 15 s. A daemon that cannot be reached is a result, not an error. */
export async function awaitDaemon(context: ChangeContext, written: Written): Promise<DaemonOutcome> {
  let control: Control | null = null;
  try {
    control = await context.findDaemon();
    return control === null ? { taken: 'no daemon' } : await untilRead(context, control, written);
  } catch (thrown) {
    const error = asCoded(thrown);
    return error.code === 'CONTROL-OTHER-FILE' ? { taken: 'another file' } : { taken: 'not yet', unreachable: error };
  } finally {
    await control?.close();
  }
}

async function untilRead(
  { clock, signal, files }: ChangeContext,
  control: Control,
  { file, writtenAtMs }: Written,
): Promise<DaemonOutcome> {
  const end = clock.monotonic() + MAX_WAIT_MS;
  for (;;) {
    const { config } = await control.status();
    if (!(await isSamePath(files, config.file, file))) return { taken: 'another file' };
    if (config.refused !== null && Date.parse(config.refused.at) >= writtenAtMs) {
      return { taken: 'refused', refusal: config.refused.first };
    }
    if (config.held !== null && Date.parse(config.held.since) >= writtenAtMs) {
      return { taken: 'held', refusal: `[${config.held.failure.code}] ${config.held.failure.message}` };
    }
    if (Date.parse(config.since) >= writtenAtMs) return { taken: 'taken' };
    if (clock.monotonic() >= end) return { taken: 'not yet' };
    await wait(clock, LOOK_EVERY_MS, signal);
  }
}
