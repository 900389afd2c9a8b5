// Rows of `sallyport status` about the network: the routes, passwords on hold, and what is known of each path. Pure.

import type { Status } from '#control/control.ts';
import { fillTemplate, showDuration, showForeign, showZonedTime } from '#errors/template.ts';

export type Row = readonly [label: string, value: string];

/** Each purpose: its route, the settings that selected it, then its last success and failure. */
export function purposeRows({ routes, at }: Status): Row[] {
  return routes.flatMap(({ purpose, how, proxy, target, why, enabled, ...went }) => {
    const isOff = target !== null && !enabled;
    const route = proxy === null ? how : `${how} through proxy ${showForeign(proxy)}`;
    const routeText = isOff ? `configured, not enabled; route: ${route}` : route;
    const to = target === null ? '' : ` to ${showForeign(target)}`;
    const because = why.length === 0 ? '' : `: ${why.join('; ')}`;
    return [
      [purpose, `${routeText}${to}${because}`] as const,
      ...interceptionRows(went.interception),
      ...outcomeRows(went, { at, isWorking: enabled }),
    ];
  });
}

/** Who may decrypt TLS, whether that happened, and what it exposes. */
function interceptionRows(permitted: Status['routes'][number]['interception']): Row[] {
  if (permitted === null) return [];
  const { key, authorities, exposes, sends_tokens: sends, decrypted_by: by, decrypted_at: at } = permitted;
  const names = authorities.map(({ name, expires }) => `${showForeign(name)} (expires ${timeText(expires)})`);
  const happened =
    by === null || at === null
      ? 'the last connection was not decrypted'
      : `decrypted by ${showForeign(by)} at ${timeText(at)}`;
  const tokens = sends ? 'are sent' : 'are withheld';
  return [
    [
      '',
      `TLS may be decrypted by ${names.join(', ')} (${key}): ${happened}. When TLS is decrypted, the proxy can read ${exposes}, and tokens and secret headers ${tokens}.`,
    ],
  ];
}

type RouteHistory = Pick<Status['routes'][number], 'last_success' | 'last_failure' | 'next_try'>;

function outcomeRows(
  { last_success: success, last_failure: failed, next_try: next }: RouteHistory,
  { at, isWorking }: { readonly at: string; readonly isWorking: boolean },
): Row[] {
  const rows: Row[] = [];
  if (success !== null) rows.push(['', `last success ${timeText(success)} (${ago(success, at)})`]);
  else if (isWorking) rows.push(['', 'no success yet']);
  if (failed !== null) rows.push(['', failedText(failed, { next, at })]);
  return rows;
}

/** The failure in full, or only its code if a later attempt succeeded. */
function failedText(
  { at: failedAt, failure, open }: NonNullable<RouteHistory['last_failure']>,
  { next, at }: { readonly next: string | null; readonly at: string },
): string {
  const when = `last failure ${timeText(failedAt)} (${ago(failedAt, at)})`;
  if (!open) return `${when}: ${showForeign(failure.code)}, succeeded since`;
  const again = next === null ? '' : ` Next try ${timeText(next)}.`;
  return `${when}: ${failureText(failure)}${again}`;
}

type Wait = Status['credentials'][number];

/** Passwords that are on hold: they would not be sent now. */
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

/** What was observed on each path, with its age. */
export function pathRows({ paths, at }: Status): Row[] {
  if (paths.length === 0) return [['none', 'no response received yet']];
  return paths.map(
    ({ proxy, origin, seen: observed, via, ranges_work: work, ranges_at: tried, etag, kind, limits }) => {
      const ranges =
        work === null ? 'not tested' : `${RANGES[Number(work)]}${tried === null ? '' : ` (tested ${ago(tried, at)})`}`;
      const shownVia = via === null ? 'none' : fillTemplate('{via:via}', { via });
      const facts = [
        `last response ${timeText(observed)} (${ago(observed, at)})`,
        `Via ${shownVia}`,
        `byte ranges ${ranges}`,
        `ETag ${etag ?? 'unknown'}`,
        ...(kind === null ? [] : [kind]),
        ...limits.map(
          ({ words, use, count, seen }) => `${words} (last observed ${ago(seen, at)}, ${count} in total), so ${use}`,
        ),
      ];
      const routeText = proxy === 'direct' ? 'direct' : `through ${showForeign(proxy)}`;
      return [`${showForeign(origin)} ${routeText}`, facts.join('; ')];
    },
  );
}

export function failureText({ code, message, check }: { code: string; message: string; check: string }): string {
  return `[${code}] ${message} ${check}`;
}

/** Local time with its zone. The log uses local time, so a time in another zone would mislead. */
export function timeText(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? showForeign(time) : showZonedTime(ms);
}

/** `2 h ago`. The age is unknown for an invalid time, and for a time in the future because a clock was set. */
export function ago(time: string, at: string): string {
  const ms = Date.parse(at) - Date.parse(time);
  return ms >= 0 ? `${showDuration(ms)} ago` : 'age unknown';
}

function until(time: string, at: string): string {
  const ms = Date.parse(time) - Date.parse(at);
  return ms >= 0 ? `in ${showDuration(ms)}` : 'due';
}
