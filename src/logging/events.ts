// The vocabulary of the log (principle 2): every event with its level, its thread and its sentence.
//
// Modules report events and never format text. The classic log line, JSON and the terminal render the events. The
// reader of old logs uses the same sentences. Admins read the lines of level info and above; each is one sentence with
// a full stop. Text from outside goes through the one formatter. An event of the network belongs to a purpose and has
// its thread.

import type { FieldsOf, FieldValue } from '#errors/template.ts';
import { ANALYTICS_EVENTS } from './events-analytics.ts';
import { CONFIG_EVENTS } from './events-config.ts';
import { NETWORK_EVENTS } from './events-network.ts';
import { PLATFORM_EVENTS } from './events-platform.ts';
import { PROCESS_EVENTS } from './events-process.ts';
import { UPDATES_EVENTS } from './events-updates.ts';
import { UPLOADS_EVENTS } from './events-uploads.ts';

export const EVENTS = {
  ...PROCESS_EVENTS,
  ...CONFIG_EVENTS,
  ...NETWORK_EVENTS,
  ...UPDATES_EVENTS,
  ...UPLOADS_EVENTS,
  ...ANALYTICS_EVENTS,
  ...PLATFORM_EVENTS,
} as const;

export type EventName = keyof typeof EVENTS;

/** The purpose that an event belongs to, and the thread in its log line. */
export interface Scope {
  readonly purpose: string;
  readonly thread: string;
}

/** The fields that the sentence of an event names. JSON may have more. */
export type FieldsOfEvent<N extends EventName> = { readonly name: N } & FieldsOf<(typeof EVENTS)[N]['text']> &
  Readonly<Record<string, FieldValue>>;

/** An event by its name. An event that belongs to a purpose also names it. */
type EventOf<N extends EventName> = FieldsOfEvent<N> & ((typeof EVENTS)[N]['thread'] extends null ? Scope : unknown);

/** Anything that can be reported. */
export type SallyportEvent = { [N in EventName]: EventOf<N> }[EventName];

/** Where a step reports to. Never throws, never blocks. */
export type Report = (event: SallyportEvent) => void;
