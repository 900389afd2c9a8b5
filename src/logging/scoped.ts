// Adds the purpose, such as support logs, to reported events, so that the code that reports an event does not need to
// know it.

import { EVENTS, type EventName, type FieldsOfEvent, type Report, type SallyportEvent, type Scope } from './events.ts';

/** Where a step that works for one purpose reports to; `reportFor` adds the purpose. */
export type ScopedReport = (event: { [N in EventName]: FieldsOfEvent<N> }[EventName]) => void;

/** Adds the purpose to events that belong to one, and passes all other events unchanged. */
export function reportFor(scope: Scope, report: Report): ScopedReport {
  return (event) => report((EVENTS[event.name].thread === null ? { ...event, ...scope } : event) as SallyportEvent);
}
