// The live line for a package that has not begun to arrive: `1602600  waiting for the first byte  0:09 of 5:40  proxy
// corp is probably scanning (held past packages of this size for up to 53 s)`.
//
// Takes facts and a width, and returns plain ASCII of at most that width. If the line does not fit, the least useful
// parts are left out first. "scanning" is shown only for a proxy that can inspect the response. It says "is probably"
// if that proxy has held packages before, and "may be" otherwise. Pure.

import { type FieldValue, showDuration, showSize } from '#errors/template.ts';
import type { EventName } from './events.ts';
import { shownId } from './progress-bar.ts';

export interface Wait {
  readonly id: string;
  /** When the attempt times out, in milliseconds after it began to wait. */
  readonly limitMs: number;
  /** Name of the proxy profile, or null for a direct connection. */
  readonly proxy: string | null;
  /** Whether that proxy can inspect the response; it cannot inspect TLS that is tunnelled through it. */
  readonly scans: boolean;
  /** The longest wait observed on this route, in milliseconds, or null without history. */
  readonly heldMs: number | null;
  /** Size in bytes of the package that waited this long, or null when it had the size of this one. */
  readonly heldSize: number | null;
  /** What probes of the proxy last showed; null before the first one. */
  readonly probed?: Probed | null;
}

/** How long the proxy took to answer, or since when it has answered nothing, in milliseconds. */
type Probed = { readonly answeredMs: number } | { readonly silentMs: number };

/** What may change while a wait is shown. */
export type WaitChange = Partial<Pick<Wait, 'limitMs' | 'probed'>>;

/** Shorter waits are ordinary latency, not scanning. */
const HELD_MS = 2_000;

/** The wait that a `waiting` event describes. */
export function waitOf(fields: Readonly<Record<string, FieldValue>>): Wait {
  const { id, limit, proxy, scans, held, held_size: heldSize, answered, unanswered } = fields;
  return {
    id: String(id),
    limitMs: Number(limit),
    proxy: typeof proxy === 'string' ? proxy : null,
    scans: scans === true,
    heldMs: typeof held === 'number' ? held : null,
    heldSize: typeof heldSize === 'number' ? heldSize : null,
    probed: probedOf(answered, unanswered),
  };
}

/** From the fields that a wait of a running round has in addition. */
function probedOf(answeredMs: FieldValue, silentMs: FieldValue): Probed | null {
  if (typeof answeredMs === 'number') return { answeredMs };
  return typeof silentMs === 'number' ? { silentMs } : null;
}

/** Events that change what is shown of a wait. */
export const CHANGES_WAIT: ReadonlySet<EventName> = new Set<EventName>([
  'proxy-holds',
  'proxy-silent',
  'wait-extended',
]);

/** The wait with what an event about it or about a probe of its proxy shows. */
export function updatedWait(
  wait: Wait,
  { name, fields }: { readonly name: string; readonly fields: Readonly<Record<string, FieldValue>> },
): Wait {
  if (String(fields['id']) !== wait.id) return wait;
  if (name === 'wait-extended') return { ...wait, limitMs: Number(fields['limit']) };
  if (name === 'proxy-holds') return { ...wait, probed: { answeredMs: Number(fields['latency']) } };
  if (name === 'proxy-silent') return { ...wait, probed: { silentMs: Number(fields['elapsed']) } };
  return wait;
}

/** The line, at most `columns` wide. */
export function waitLine(wait: Wait, elapsedMs: number, columns: number): string {
  const id = shownId(wait.id);
  const clock = `${minutes(elapsedMs)} of ${minutes(wait.limitMs)}`;
  const [long, short] = [`${id}  waiting for the first byte  ${clock}`, `${id}  waiting  ${clock}`];
  const reasons = [...probedReasons(wait), ...reasonsOf(wait)];
  const lines = [
    ...reasons.map((reason) => `${long}  ${reason}`),
    ...reasons.map((reason) => `${short}  ${reason}`),
    long,
    short,
    `${id}  ${clock}`,
  ];
  return (lines.find((line) => line.length <= columns) ?? clock).slice(0, columns);
}

/** The likely reason, from the longest wording to the shortest; empty when nothing is known. */
function reasonsOf({ proxy, scans, heldMs, heldSize }: Wait): string[] {
  const size = heldSize === null ? 'past packages of this size' : `${showSize(heldSize)} before`;
  const isHolding = heldMs !== null && heldMs >= HELD_MS;
  const history = heldMs === null ? null : showDuration(heldMs);
  if (proxy !== null && scans && (isHolding || history === null)) {
    const reason = `proxy ${shownId(proxy)} ${isHolding ? 'is probably' : 'may be'} scanning`;
    return history === null ? [reason] : [`${reason} (held ${size} for up to ${history})`, reason];
  }
  return history === null ? [] : [`${size} began within ${history}`];
}

/** What is known from probes of the proxy. A proxy cannot hold what it only tunnels. */
function probedReasons({ proxy, scans, probed = null }: Wait): string[] {
  if (proxy === null || probed === null) return [];
  const name = `proxy ${shownId(proxy)}`;
  if ('silentMs' in probed) return [`${name} has not answered for ${showDuration(probed.silentMs)}`];
  const answers = `${name} answers in ${showDuration(probed.answeredMs)}`;
  return [`${answers}; ${scans ? 'it is holding this one' : 'the server behind it is silent'}`, answers];
}

/** `0:09`, `5:40`, `1:02:03`. */
function minutes(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  const minute = Math.floor(seconds / 60) % 60;
  return `${hours === 0 ? minute : `${hours}:${two(minute)}`}:${two(seconds % 60)}`;
}
