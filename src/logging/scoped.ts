// Reports scoped by purpose: a step that works for one purpose need not know which.

import { EVENTS, type EventName, type FieldsOfEvent, type Report, type SallyportEvent, type Scope } from './events.ts';

/** Where a step reports to that works for one purpose: the purpose is filled in by `reportFor`. */
export type ScopedReport = (event: { [N in EventName]: FieldsOfEvent<N> }[EventName]) => void;

/** Reports for this purpose what belongs to a purpose, and everything else as it is. */
export function reportFor(scope: Scope, report: Report): ScopedReport {
  return (event) => report((EVENTS[event.name].thread === null ? { ...event, ...scope } : event) as SallyportEvent);
}
