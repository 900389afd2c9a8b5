// The paths in a served folder at which the platform keeps its state.

import { join } from 'node:path';

/** What agents have sent is below this folder, which is not served. */
export const RECEIVED_FOLDER = 'received';

/** The state of a served folder. */
export function platformFolder(root: string): string {
  return join(root, RECEIVED_FOLDER, 'platform');
}

/** The agents, their commands and results. */
export const fleetFile = (state: string): string => join(state, 'fleet.jsonl');
/** The activation keys, and the hosts that use them. */
export const licensesFile = (state: string): string => join(state, 'licenses.jsonl');
