// Rows of `sallyport status` about the link to the platform. Pure.

import type { Status } from '#control/control.ts';
import { showForeign } from '#errors/template.ts';
import { ago, failureText, type Row, timeText } from './status-rows.ts';

type Platform = Status['platform'];

const OVER = { websocket: 'a WebSocket', poll: 'long polling' } as const;

/** The state of the link, its commands, its reports and the newest advice. */
export function platformRows({ platform, at }: Status): Row[] {
  const rows: Row[] = [['link', linkText(platform, at)]];
  if (platform.blocked !== null) rows.push(['', failureText(platform.blocked)]);
  if (!platform.enabled) return rows;
  if (platform.url !== null) rows.push(['platform', showForeign(platform.url)]);
  rows.push(['commands', commandsText(platform, at)]);
  rows.push(['reports', reportsText(platform)]);
  for (const { from, text, at: sent } of platform.advice) {
    rows.push(['advice', `${showForeign(text)} (from ${showForeign(from)}, ${ago(sent, at)})`]);
  }
  return rows;
}

/** What reports say, for the section about what leaves this host. */
export function reportsText({ reports }: Pick<Platform, 'reports'>): string {
  return reports === 'none' ? 'none' : `${reports}; to see the next one: sallyport platform preview`;
}

function linkText({ enabled, state, since, over, proxy, failure, next_try: next }: Platform, at: string): string {
  if (!enabled) return 'not enabled (platform.enabled)';
  const when = since === null ? '' : ` since ${timeText(since)} (${ago(since, at)})`;
  switch (state) {
    case 'connected': {
      const via = proxy === null ? 'directly' : `through proxy ${showForeign(proxy)}`;
      return `connected by ${over === null ? 'a connection' : OVER[over]} ${via}${when}`;
    }
    case 'connecting':
      return `connecting${when}`;
    case 'waiting': {
      const again = next === null ? '' : `; next try ${timeText(next)}`;
      return failure === null ? `not connected${again}` : `not connected: ${failureText(failure)}${again}`;
    }
    case 'off':
      return failure === null ? 'not connected' : `cannot be used: ${failureText(failure)}`;
  }
}

function commandsText({ commands: { waiting, last } }: Platform, at: string): string {
  const waits = waiting === 0 ? 'none waiting' : `${waiting} waiting`;
  if (last === null) return waits;
  const code = last.code === null ? '' : ` (${showForeign(last.code)})`;
  return `${waits}; last: ${showForeign(last.command)}, ${last.outcome}${code}, ${ago(last.at, at)}`;
}
