// Keeps the last failure of each waiting entry as a sentence, for `status` and `queue`. The spools keep only its code.
//
// It receives the events of deliveries. After a restart, it has no sentence for an entry until the entry fails again.

import type { Failure } from '#control/control.ts';
import { toFailure } from '#daemon/failure.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { EventName, SallyportEvent } from '#logging/events.ts';
import type { Redactor } from '#redaction/redact.ts';

/** Entries whose failure is kept, the newest ones. */
const MAX_KEPT = 1_000;

/** The events of failed attempts, each with the kind of its entry and the field that has its id. */
const FAILED: Readonly<Partial<Record<EventName, readonly [kind: string, field: string]>>> = {
  'receipt-failed': ['receipt', 'id'],
  'batch-failed': ['batch', 'batch'],
  'batch-held': ['batch', 'batch'],
  'upload-failed': ['bundle', 'job'],
  'upload-held': ['bundle', 'job'],
};

export class LastFailures {
  readonly #redactor: Redactor;
  readonly #failures = new Map<string, Failure>();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** Null if none was reported since the start of this process. */
  of(kind: string, id: string): Failure | null {
    return this.#failures.get(`${kind}/${id}`) ?? null;
  }

  update(event: SallyportEvent): void {
    const [kind, field = ''] = FAILED[event.name] ?? [];
    const { error } = event;
    if (kind === undefined || !(error instanceof CodedError)) return;
    const key = `${kind}/${String(event[field])}`;
    this.#failures.delete(key);
    this.#failures.set(key, toFailure(error, this.#redactor));
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_KEPT) break;
      this.#failures.delete(oldest);
    }
  }
}
