// Connects to the daemon at a control socket, as a command does.

import { dirname } from 'node:path';
import { placesOfDaemon, socketsOf } from '#config/places.ts';
import { connectControl } from '#control/client.ts';
import { type Control, VERBS } from '#control/control.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { TEST_PLACES } from './config-file.ts';

/** The daemon, through the first of its sockets that accepts; null if nothing listens. */
export async function connectAt(socket: string): Promise<Control | null> {
  const places = placesOfDaemon('/dev/null/x.yaml', { control_socket: socket }, TEST_PLACES);
  const parts = { clock: systemClock, files: realFiles, self: process.geteuid?.() ?? 0 };
  const found = await connectControl({ ...socketsOf(places), stateDir: dirname(socket) }, parts, VERBS);
  return found?.methods ?? null;
}
