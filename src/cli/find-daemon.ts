// Finds the daemon of a configuration file. A daemon that uses another file is reported and gets no further requests.

import { type DaemonPlaces, socketsOf } from '#config/places.ts';
import { connectControl } from '#control/client.ts';
import type { Status } from '#control/status.ts';
import type { Authority, MethodsOf, VerbTable } from '#control/verb.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { isSamePath } from '#system/same-path.ts';

/** The result of a connection to the control socket that the file names. */
export interface FoundDaemon<T extends VerbTable> {
  /** `daemon.control_socket`, which identifies the daemon. Its other sockets are in the same folder. */
  readonly socket: string;
  /** The daemon of this file, and its status when it was found; null if none runs. */
  readonly running: { readonly control: MethodsOf<T>; readonly status: Status; readonly authority: Authority } | null;
  /** The failure if the daemon uses another file; null otherwise. */
  readonly other: CodedError | null;
}

/**
 * Connects to the control socket that the file names, to call these verbs.
 * @param file absolute path
 * @throws CodedError CONTROL-UNREACHABLE, CONTROL-FOREIGN
 */
export async function findDaemonAt<T extends VerbTable>(
  file: string,
  daemon: DaemonPlaces,
  verbs: T,
): Promise<FoundDaemon<T>> {
  const { control_socket: socket, state_dir: stateDir } = daemon;
  const parts = { clock: systemClock, files: realFiles, self: process.geteuid?.() ?? 0 };
  const found = await connectControl({ ...socketsOf(daemon), stateDir }, parts, verbs);
  if (found === null) return { socket, running: null, other: null };
  const { methods: control, status, authority } = found;
  if (await isSamePath(realFiles, status.config.file, file))
    return { socket, running: { control, status, authority }, other: null };
  await control.close();
  return {
    socket,
    running: null,
    other: coded('CONTROL-OTHER-FILE', { path: socket, other: status.config.file, file }),
  };
}
