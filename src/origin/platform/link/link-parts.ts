// The parts that both transports of the link use. They share the sessions, so an agent can change its transport.

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
