// Rows of `sallyport status` about the way out: each purpose, passwords that wait, what each path has shown. Pure.

import type { Status } from '#control/control.ts';
import { fillTemplate, showDuration, showForeign, showZonedTime } from '#errors/template.ts';

export type Row = readonly [label: string, value: string];

/** Each purpose: its way and which settings decided, then how its work went. */
export function purposeRows({ routes, at }: Status): Row[] {
  return routes.flatMap(({ purpose, how, proxy, target, why, enabled, ...went }) => {
    const isOff = target !== null && !enabled;
    const route = proxy === null ? how : `${how} through proxy ${showForeign(proxy)}`;
    const routeText = isOff ? `configured, not enabled; route: ${route}` : route;
    const to = target === null ? '' : ` to ${showForeign(target)}`;
    const because = why.length === 0 ? '' : `: ${why.join('; ')}`;
    return [[purpose, `${routeText}${to}${because}`] as const, ...outcomeRows(went, { at, isWorking: enabled })];
  });
}

type Went = Pick<Status['routes'][number], 'last_success' | 'last_failure' | 'next_try'>;

function outcomeRows(
  { last_success: success, last_failure: failed, next_try: next }: Went,
  { at, isWorking }: { readonly at: string; readonly isWorking: boolean },
): Row[] {
  const rows: Row[] = [];
  if (success !== null) rows.push(['', `last success ${timeText(success)} (${ago(success, at)})`]);
  else if (isWorking) rows.push(['', 'no success yet']);
  if (failed !== null) rows.push(['', failedText(failed, { success, next, at })]);
  return rows;
}

/** In full while it lasts; one that a later success has made good is history, and short. */
function failedText(
  { at: failedAt, failure }: NonNullable<Went['last_failure']>,
  { success, next, at }: { readonly success: string | null; readonly next: string | null; readonly at: string },
): string {
  const when = `last failure ${timeText(failedAt)} (${ago(failedAt, at)})`;
  if (success !== null && Date.parse(success) >= Date.parse(failedAt)) {
    return `${when}: ${showForeign(failure.code)}, succeeded since`;
  }
  const again = next === null ? '' : ` Next try ${timeText(next)}.`;
  return `${when}: ${failureText(failure)}${again}`;
}

type Wait = Status['credentials'][number];

/** Passwords that would not be sent now. */
export function credentialRows({ credentials, at }: Status): Row[] {
  if (credentials.length === 0) return [['waiting', 'none']];
  return credentials.map((wait) => {
    const again =
      wait.next_try === null
        ? 'not sent again automatically'
        : `sent again at ${timeText(wait.next_try)} (${until(wait.next_try, at)})`;
    const unused = wait.used ? '' : ' No purpose uses this proxy.';
    const how = 'to send it once now: sallyport check --retry-credential';
    return [
      showForeign(wait.proxy),
      `the password of ${showForeign(wait.user)} is on hold: ${reasonOf(wait, at)}; ${again}; ${how}.${unused}`,
    ];
  });
}

function reasonOf({ why, entered_for: bound, since, worked_until: worked }: Wait, at: string): string {
  if (why === 'bound') return `it was entered for ${bound.map(showForeign).join(', ')}, not for this address`;
  const when = since === null ? '' : ` ${timeText(since)} (${ago(since, at)})`;
  if (why === 'interrupted') return `its attempt at${when} was interrupted, so the result is unknown`;
  return `rejected since${when}${worked === null ? ', and never accepted before' : `, accepted until ${timeText(worked)}`}`;
}

const RANGES = ['do not work', 'work'] as const;

/** What each path has shown, with its age. */
export function pathRows({ paths, at }: Status): Row[] {
  if (paths.length === 0) return [['none', 'no response received yet']];
  return paths.map(({ proxy, origin, seen: observed, via, ranges_work: work, ranges_at: tried, etag, kind }) => {
    const ranges =
      work === null ? 'not tried' : `${RANGES[Number(work)]}${tried === null ? '' : ` (${ago(tried, at)})`}`;
    const shownVia = via === null ? 'none' : fillTemplate('{via:via}', { via });
    const facts = [
      `last response ${timeText(observed)} (${ago(observed, at)})`,
      `Via ${shownVia}`,
      `ranges ${ranges}`,
      `ETag ${etag ?? 'unknown'}`,
      ...(kind === null ? [] : [kind]),
    ];
    const routeText = proxy === 'direct' ? 'direct' : `through ${showForeign(proxy)}`;
    return [`${showForeign(origin)} ${routeText}`, facts.join('; ')];
  });
}

export function failureText({ code, message, check }: { code: string; message: string; check: string }): string {
  return `[${code}] ${message} ${check}`;
}

/** Local time with its zone; the log has local time, and a time of another zone beside it misleads. */
export function timeText(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? showForeign(time) : showZonedTime(ms);
}

/** `2 h ago`; what is not a time, or lies ahead because a clock was set, is not given an age. */
export function ago(time: string, at: string): string {
  const ms = Date.parse(at) - Date.parse(time);
  return ms >= 0 ? `${showDuration(ms)} ago` : 'age unknown';
}

function until(time: string, at: string): string {
  const ms = Date.parse(time) - Date.parse(at);
  return ms >= 0 ? `in ${showDuration(ms)}` : 'due';
}
