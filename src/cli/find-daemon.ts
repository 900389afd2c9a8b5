// Finds the daemon of a configuration file. A daemon that uses another file is reported and gets no further requests.

import { type Places, placesOfDaemon, socketsOf } from '#config/places.ts';
import type { LoadResult } from '#config/reading/load.ts';
import { connectControl } from '#control/client.ts';
import type { Control } from '#control/control.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { isSamePath } from '#system/same-path.ts';

/** The result of a connection to the control socket that the file names. */
export interface FoundDaemon {
  /** `daemon.control_socket`, which identifies the daemon. Its other sockets are in the same folder. */
  readonly socket: string;
  /** The daemon of this file; null if none runs. */
  readonly control: Control | null;
  /** The failure if the daemon uses another file; null otherwise. */
  readonly other: CodedError | null;
}

/** Connects to the control socket that the file names. @throws CodedError CONTROL-UNREACHABLE, CONTROL-FOREIGN */
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
