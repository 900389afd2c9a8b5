// The parts of a spool that differ by kind: a name, limits, how its bodies are read, and how it reports.

import type { CodedError } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';

/** How much may wait at a time. A full spool refuses new entries and keeps the waiting ones. */
export interface Quota {
  readonly entries: number;
  /** Of heads and attachments together. */
  readonly bytes: number;
}

/** One kind of entry. Kinds share nothing: each has its own folder, quota, settled keys and delivery. */
export interface SpoolKind<Body> {
  /** Name of its folder in `outbox/`, and `kind` in each head. */
  readonly name: string;
  readonly quota: Quota;
  /** Validates a body that was read back, for example a zod schema. Throws when it is invalid. */
  readonly body: { parse(raw: unknown): Body };
  /** The event that reports an entry that cannot be read or used. */
  setAside(error: CodedError): SallyportEvent;
}
