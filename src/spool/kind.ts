// What one kind of entry brings to its spool: a name, limits, how its bodies are read, and how it reports.

import type { CodedError } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';

/** How much may wait at once. A full spool refuses new input; what waits stays. */
export interface Quota {
  readonly entries: number;
  /** Of heads and attachments together. */
  readonly bytes: number;
}

/** One kind of entry. Kinds share nothing: neither folder, quota, memory of settled keys nor delivery. */
export interface SpoolKind<Body> {
  /** Name of its folder in `outbox/`, and `kind` in each head. */
  readonly name: string;
  readonly quota: Quota;
  /** Checks a body that was read back, such as a zod schema. Throws when it is wrong. */
  readonly body: { parse(raw: unknown): Body };
  /** The event that reports an entry that cannot be read or used. */
  setAside(error: CodedError): SallyportEvent;
}
