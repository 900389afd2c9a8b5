// The requests to the daemon (verbs) that pages may send. A page can send only requests whose names are in `wire.ts`.
// The daemon decides what the person may do, by the socket that this process can open.

import { z } from 'zod';
import { answerRoute, type ConsoleRoute, streamRoute } from '#console/route.ts';
import { PAGE_STREAMS, PAGE_VERBS } from '#console/wire.ts';
import { type Control, VERBS, type Verbs } from '#control/control.ts';
import type { AnyVerb } from '#control/verb.ts';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import type { DaemonLink } from './daemon-link.ts';
import { pageLogEvent } from './log-event.ts';

export interface VerbRouteParts {
  readonly link: DaemonLink;
  readonly clock: Pick<Clock, 'now'>;
  readonly known: SpanRedactor;
}

/** The routes of all verbs in the list. */
export function verbRoutes(parts: VerbRouteParts): readonly ConsoleRoute[] {
  const { link } = parts;
  const ignore = () => undefined;
  return [
    ...PAGE_VERBS.map((name) =>
      answerRoute({ method: 'POST', path: `/api/verbs/${name}`, request: z.unknown() }, async (body, signal) => ({
        result: (await link.use(callOf(name, body, { onEvent: ignore, signal }))) ?? null,
      })),
    ),
    ...PAGE_STREAMS.map((name) =>
      streamRoute(
        { path: `/api/streams/${name}`, request: z.unknown(), check: checkOf(name) },
        async (body, onEvent, signal) => {
          const show = eventForm(name, parts);
          return await link.use(callOf(name, body, { onEvent: (event) => onEvent(show(event)), signal }));
        },
      ),
    ),
  ];
}

interface Listening {
  onEvent(event: unknown): void;
  readonly signal: AbortSignal;
}

type AnyMethod = (...given: unknown[]) => Promise<unknown>;

/** The call of a verb with its argument. @throws CodedError CONSOLE-REQUEST, ID-INVALID */
function callOf(
  name: keyof Verbs,
  body: unknown,
  { onEvent, signal }: Listening,
): (control: Control) => Promise<unknown> {
  const verb: AnyVerb = VERBS[name];
  const given = [
    ...(verb.request === null ? [] : [argumentOf(verb, body)]),
    ...(verb.events === null ? [] : [onEvent]),
    ...(verb.mode === 'work' ? [signal] : []),
  ];
  return (control) => (control[name] as AnyMethod)(...given);
}

/** A malformed argument is refused before the stream begins. */
function checkOf(name: keyof Verbs): (body: unknown) => void {
  const verb: AnyVerb = VERBS[name];
  return (body) => {
    if (verb.request !== null) argumentOf(verb, body);
  };
}

function argumentOf({ request: form }: AnyVerb, body: unknown): unknown {
  // No verb in the list reads bytes after its request.
  const found = form?.read(form.write(body), noBytes());
  if (found?.ok === true) return found.request;
  const field = found?.field ?? null;
  throw coded('CONSOLE-REQUEST', {
    reason: field === null ? 'its content is malformed' : `${field} is malformed or too long`,
  });
}

async function* noBytes(): AsyncGenerator<Uint8Array> {
  yield* [];
}

/** Events of the log's vocabulary get their sentence here, because pages have no catalogue. */
function eventForm(name: keyof Verbs, { clock, known }: VerbRouteParts): (event: unknown) => unknown {
  if (name === 'follow' || name === 'followLogs') return (event) => event;
  return (event) => pageLogEvent(event as SallyportEvent, clock.now(), known);
}
