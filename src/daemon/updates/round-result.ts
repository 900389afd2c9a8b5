// Converts the report of a check for updates to the form in which it is sent. Pure.

import type { RoundResult } from '#control/control.ts';
import { toFailure } from '#daemon/failure.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';
import type { RoundReport } from '#updates/round.ts';

/** With its failures redacted. */
export function toResult(report: RoundReport, redactor: Redactor): RoundResult {
  const rows = (found: RoundReport['failed']) =>
    found.map(({ id, error }) => ({ id, failure: toFailure(error, redactor) }));
  return {
    failure: report.error === null ? null : toFailure(asCoded(report.error), redactor),
    published: [...report.published],
    ready: [...report.ready],
    parked: [...report.parked],
    failed: rows(report.failed),
    refused: rows(report.refused),
    withdrawn: [...report.withdrawn],
    pruned: [...report.pruned],
    left: report.left,
    retry_at: earliest([report.retryAtMs, report.packageRetryAtMs]),
  };
}

/** The earliest of these times (ms since the epoch) as text; null when there is none. */
function earliest(moments: readonly (number | null)[]): string | null {
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : utcTime(Math.min(...known));
}
