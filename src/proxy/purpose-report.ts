// Adds the purpose to network reports, so that each log line shows what a connection was for.

import { type Purpose, purposeRow } from '#config/purposes.ts';
import type { Report } from '#logging/events.ts';
import { reportFor, type ScopedReport } from '#logging/scoped.ts';

/** Reports for this purpose, in its thread. */
export function reportOf(purpose: Purpose, report: Report): ScopedReport {
  return reportFor({ purpose, thread: purposeRow(purpose).thread }, report);
}
