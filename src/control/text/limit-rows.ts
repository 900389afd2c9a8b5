// Rows of `sallyport status` about limits that the admin set for updates: hours and bandwidth. Pure.

import type { Status } from '#control/control.ts';
import { fillTemplate, showForeign, showSize } from '#errors/template.ts';
import { type Row, timeText } from './status-rows.ts';

/** The hours of downloads while they have not begun, and the present bandwidth limit. */
export function limitRows({ window, bandwidth }: Status['updates']): Row[] {
  const rows: Row[] = [];
  if (window !== null && window.download_opens_at !== null) {
    const { parked, download_opens_at: opens } = window;
    const ids = parked.map(showForeign).join(', ');
    const what = parked.length === 0 ? '' : `: update ID${parked.length === 1 ? '' : 's'} ${ids}`;
    rows.push(['download', `waits for ${timeText(opens)} (updates.window.download)${what}`]);
  }
  if (bandwidth !== null) {
    const { bytes_per_second: rate, key } = bandwidth;
    rows.push([
      'bandwidth',
      `${rate === null ? 'no limit now' : `at most ${showSize(rate)}/s`} (${fillTemplate('{key:key}', { key })})`,
    ]);
  }
  return rows;
}

/** What a ready package waits for; nothing during a hold, which has its own row. */
export function awaitedText({ hold, window }: Status['updates']): string {
  const opens = window?.publish_opens_at ?? null;
  if (hold !== null || opens === null) return '';
  return `, waits for ${timeText(opens)} (updates.window.publish)`;
}
