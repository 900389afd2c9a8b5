// What the two transports of the link share, above all the sessions: an agent can therefore change its transport.

import type { Clock } from '#system/clock.ts';
import type { FaultSwitches } from './faults.ts';
import type { Sessions } from './sessions.ts';

export interface LinkParts {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly faults: FaultSwitches;
  readonly nextMessageId: () => string;
  /** Whether requests of this agent must be signed. */
  readonly needsSignature: (agent: string) => boolean;
}
