// The screen of `status --watch` as lines of text: health, purposes, transfers, queues, and the last lines of the log. Pure.
//
// Guarantees: at most as many lines as the window has rows, and none is longer than its columns. Text from outside is
// escaped. In a small window, first the log gets fewer lines, then the longest of the sections.

import { isPurpose, purposeRow } from '#config/purposes.ts';
import type { Status } from '#control/control.ts';
import { ago, timeText } from '#control/text/status-rows.ts';
import { showDuration, showForeign, showSize, wrapWords } from '#errors/template.ts';
import { progressBar, shownId } from '#logging/progress-bar.ts';
import { waitLine } from '#logging/wait-line.ts';

export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

export interface WatchState {
  /** Null before the first answer. */
  readonly status: Status | null;
  /** Why there is no answer now, in one sentence; null if there is one. */
  readonly problem: string | null;
  /** The newest lines of the log, oldest first, safe to print. */
  readonly lines: readonly string[];
  /** Bytes of running downloads that are newer than the status, by ID. */
  readonly received: ReadonlyMap<string, number>;
  /** How old the status is, in milliseconds. */
  readonly ageMs: number;
}

const INDENT = '  ';
const KEYS = 'q: quit';
/** The log keeps this number of lines before other sections are shortened. */
const MIN_LOG_LINES = 3;
const MAX_VERDICT_LINES = 3;
/** In a window with fewer rows, the verdict has a line less. */
const ROWS_FOR_LONG_VERDICT = 20;

/** The lines of the screen. */
export function watchFrame(state: WatchState, { columns, rows }: WindowSize): string[] {
  const head = headLines(state, columns, rows < ROWS_FOR_LONG_VERDICT ? MAX_VERDICT_LINES - 1 : MAX_VERDICT_LINES);
  const { status } = state;
  const room = Math.max(0, rows - head.length - 1);
  const sections =
    status === null ? [] : [purposeLines(status), transferLines(state, status, columns), queueLines(status)];
  const body = fitted(sections, Math.max(0, room - MIN_LOG_LINES - 1));
  const logRows = Math.max(0, room - body.length);
  const log = logLines(state.lines, logRows);
  const filled = [...head, ...body, ...log];
  while (filled.length < rows - 1) filled.push('');
  return [...filled.slice(0, Math.max(0, rows - 1)), KEYS].slice(0, rows).map((line) => line.slice(0, columns));
}

function headLines({ status, problem, ageMs }: WatchState, columns: number, maxVerdictLines: number): string[] {
  if (status === null) return wrapWords(problem ?? 'Connecting to the daemon ...', columns, INDENT.length);
  const { health, main } = status;
  const verdict = problem ?? `${health.level.toUpperCase()}: ${health.sentence}`;
  const old = problem === null ? '' : `, as it was ${showDuration(Math.round(ageMs / 1_000) * 1_000)} ago`;
  return [
    ...wrapWords(verdict, columns, INDENT.length).slice(0, maxVerdictLines),
    `Sallyport ${main.version}, process ${main.pid ?? '-'}, ${timeText(status.at)}${old}`,
  ];
}

interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Sections in their order, cut to this number of lines; each keeps its title and says how much is missing. */
function fitted(sections: readonly Section[], rows: number): string[] {
  const used = sections.filter(({ lines }) => lines.length > 0);
  const left = used.map(({ lines }) => lines.length);
  const total = () => left.reduce((sum, count) => sum + count + 1, 0);
  while (total() > rows && left.some((count) => count > 1)) {
    const largest = left.lastIndexOf(Math.max(...left));
    left[largest] = (left[largest] ?? 1) - 1;
  }
  return used
    .flatMap(({ title, lines }, index) => {
      const count = left[index] ?? 0;
      const hidden = lines.length - count;
      const shown = lines.slice(0, count);
      return [hidden === 0 ? title : `${title} (${hidden} more)`, ...shown.map((line) => `${INDENT}${line}`)];
    })
    .slice(0, rows);
}

function purposeLines({ routes, at, updates }: Status): Section {
  const lines = routes
    .filter(({ target, how }) => target !== null || how !== 'not configured')
    .map((route) => purposeLine(route, at, updates.next_check));
  return { title: 'Purposes', lines };
}

function purposeLine(route: Status['routes'][number], at: string, nextCheck: string | null): string {
  const { purpose, how, proxy, enabled, next_try: next } = route;
  const path = proxy === null ? how : `${how} via ${shownId(proxy)}`;
  const isChecked = isPurpose(purpose) && purposeRow(purpose).probe === 'feed';
  const due = next ?? (isChecked ? nextCheck : null);
  const when = due === null ? '' : `, next ${dueText(due, at)}`;
  return `${purpose.padEnd(18)} ${enabled ? `${resultText(route, at)}${when}` : 'not enabled'} (${path})`;
}

function resultText({ last_success: success, last_failure: failed }: Status['routes'][number], at: string): string {
  if (failed?.open === true) {
    return `failing: ${showForeign(failed.failure.code)} ${ago(failed.at, at)}`;
  }
  return success === null ? 'no success yet' : `succeeded ${ago(success, at)}`;
}

function transferLines({ received, ageMs }: WatchState, { updates, uploads }: Status, columns: number): Section {
  const width = columns - INDENT.length;
  const bars = updates.transfers.map((transfer) =>
    progressBar({ ...transfer, received: Math.max(transfer.received, received.get(transfer.id) ?? 0) }, width),
  );
  const sent = uploads.flatMap(({ title, transfer }) =>
    transfer === null ? [] : [progressBar({ ...transfer, title, received: transfer.confirmed }, width)],
  );
  const { waiting } = updates;
  const waits =
    waiting === null || received.has(waiting.id)
      ? []
      : [waitLine(waitFacts(waiting), waiting.elapsed_ms + ageMs, width)];
  return { title: 'Transfers', lines: [...bars, ...waits, ...sent] };
}

function waitFacts(waiting: NonNullable<Status['updates']['waiting']>) {
  const { proxy_answers_ms: answeredMs, proxy_silent_ms: silentMs } = waiting;
  const answer = answeredMs === null ? null : { answeredMs };
  return {
    id: waiting.id,
    limitMs: waiting.limit_ms,
    proxy: waiting.proxy,
    scans: waiting.scans,
    heldMs: waiting.held_ms,
    heldSize: waiting.held_size,
    probed: silentMs === null ? answer : { silentMs },
  };
}

function queueLines({ uploads, receipts, at }: Status): Section {
  const lines = uploads.flatMap(({ title, queue }) => {
    if (queue === null || queue.waiting.items + queue.held + queue.rejected + queue.quarantined === 0) return [];
    const { waiting, quota, unit, held, rejected, next_try: next, oldest } = queue;
    const age = oldest === null ? '' : `, oldest ${ago(oldest, at)}`;
    const stuck = [held > 0 ? `${held} held` : '', rejected > 0 ? `${rejected} rejected` : ''].filter(
      (one) => one !== '',
    );
    const when = next === null ? '' : `, next try ${dueText(next, at)}`;
    const size = `${showSize(waiting.bytes)} of ${showSize(quota.bytes)}`;
    const counts = [`${waiting.items} ${showForeign(unit)}`, ...stuck].join(', ');
    return [`${title}: ${counts}, ${size}${when}${age}`];
  });
  const { waiting, next_try: next } = receipts;
  const receipt =
    waiting === 0 ? [] : [`receipts: ${waiting}${next === null ? '' : `, next try ${dueText(next, at)}`}`];
  return { title: 'Queues', lines: [...lines, ...receipt] };
}

function logLines(lines: readonly string[], rows: number): string[] {
  if (rows < 2 || lines.length === 0) return [];
  return ['Log', ...lines.slice(-(rows - 1)).map((line) => `${INDENT}${line}`)];
}

/** When something is due, from now on: `in 3 h`. */
function dueText(time: string, at: string): string {
  const ms = Date.parse(time) - Date.parse(at);
  return ms > 0 ? `in ${showDuration(ms)}` : 'now';
}
