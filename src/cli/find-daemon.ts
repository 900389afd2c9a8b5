// Finds the daemon of a configuration file. A daemon that works with another file never answers for
// this one; then nothing is asked of it.

import { type Places, placesOfDaemon, socketsOf } from '#config/places.ts';
import type { LoadResult } from '#config/reading/load.ts';
import { connectControl } from '#control/client.ts';
import type { Control } from '#control/control.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { isSamePath } from '#system/same-path.ts';

/** What was found where the file says that its daemon listens. */
export interface FoundDaemon {
  /** `daemon.control_socket`, by which a daemon is named; the others are beside it. */
  readonly socket: string;
  /** The daemon of this file; null where none runs. */
  readonly control: Control | null;
  /** Set where the daemon there works with another file. */
  readonly other: CodedError | null;
}

/** Looks where the file says. @throws CodedError CONTROL-UNREACHABLE, CONTROL-FOREIGN */
export async function findDaemonOf(file: string, loaded: LoadResult, places: Places): Promise<FoundDaemon> {
  const daemon = loaded.ok ? loaded.settings.daemon : (loaded.daemon ?? placesOfDaemon(file, undefined, places));
  const { control_socket: socket, state_dir: stateDir } = daemon;
  const parts = { clock: systemClock, files: realFiles, self: process.geteuid?.() ?? 0 };
  const control = await connectControl({ ...socketsOf(daemon), stateDir }, parts);
  if (control === null) return { socket, control, other: null };
  const { config } = await control.status();
  if (await isSamePath(realFiles, config.file, file)) return { socket, control, other: null };
  await control.close();
  return { socket, control: null, other: coded('CONTROL-OTHER-FILE', { path: socket, other: config.file, file }) };
}
