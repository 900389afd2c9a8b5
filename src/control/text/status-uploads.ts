// Rows of `sallyport status` about uploads: which data leaves this host, and the queue of each purpose that sends data.
// Pure.

import type { Status } from '#control/control.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { usageText } from './queue-text.ts';
import { reportsText } from './status-platform.ts';
import { type Row, timeText } from './status-rows.ts';

type Upload = Status['uploads'][number];
type Route = Status['routes'][number];

/** What each purpose sends, and over which route; or why it sends nothing. */
export function leavingRows({ uploads, routes, receipts, platform }: Status): Row[] {
  const receipt: Row = [
    'receipts',
    receipts.endpoint === null
      ? 'stay on this host'
      : `to ${showForeign(receipts.endpoint)}${routeText(routes, 'updates')}`,
  ];
  const reports: Row = ['reports', platform.enabled ? `to the platform: ${reportsText(platform)}` : 'none'];
  return [receipt, ...uploads.map((upload): Row => [upload.title, leavingText(upload, routes)]), reports];
}

function leavingText({ purpose, off }: Upload, routes: readonly Route[]): string {
  if (off !== null) return `nothing: ${showForeign(off.key)} is ${off.key.endsWith('.url') ? 'not set' : 'false'}`;
  const { target = null, how } = routes.find((one) => one.purpose === purpose) ?? {};
  if (how === 'refused') return 'nothing: its route is refused, see Routes';
  const stop = how === 'direct' ? `; to send nothing, set ${purpose}.enabled to false` : '';
  return `${target === null ? 'sent' : `to ${showForeign(target)}`}${routeText(routes, purpose)}${stop}`;
}

/** Clearing the box of a proxy does not stop a purpose, so the words say what it does instead. */
function routeText(routes: readonly Route[], purpose: string): string {
  const { proxy = null, how } = routes.find((one) => one.purpose === purpose) ?? {};
  if (how === 'refused') return '';
  if (proxy !== null) return ` through proxy ${showForeign(proxy)}`;
  return how === 'direct' ? ' directly, without a proxy' : '';
}

/** Whether a purpose has something to show in addition to that. */
export function isUploading({ off, queue }: Upload): boolean {
  // Telemetry has no queue on disk.
  if (queue === null) return false;
  return off === null || queue.waiting.items + queue.held + queue.rejected + queue.quarantined > 0;
}

/** The queue of a purpose, and the upload that is running. */
export function uploadRows({ off, queue, transfer }: Upload, at: string): Row[] {
  const rows: Row[] = [];
  if (transfer !== null) {
    const { id, confirmed, length, rate } = transfer;
    const speed = rate === null ? '' : `, ${showSize(Math.round(rate))}/s`;
    rows.push(['transfer', `bundle ${showForeign(id)}: ${showSize(confirmed)} of ${showSize(length)}${speed}`]);
  }
  if (queue === null) return [...rows, ['waiting', 'nothing yet']];
  rows.push(['waiting', usageText(queue, at)]);
  if (queue.next_try !== null && off === null) rows.push(['next try', timeText(queue.next_try)]);
  if (queue.waiting.items > 0 && off !== null) rows.push(['kept', 'sent once it is enabled again']);
  if (queue.held + queue.rejected > 0) rows.push(['details', `sallyport queue ls --kind ${showForeign(queue.kind)}`]);
  return rows;
}
