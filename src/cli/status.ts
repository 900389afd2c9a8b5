// `sallyport status`: the overall health, then a section for each part: what it does, what it decided and why.
//
// Guarantees: the words are the same on a terminal and in a pipe. On a terminal, lines wrap between words, a transfer
// has a progress bar, and the health is colored if colors are allowed. Times are local times with their zone. Ages are
// relative to the time of the response, not to the clock of this process. Features that are not in use share one line;
// with -v, each has its own section.

import type { Control, Status } from '#control/control.ts';
import { outcomeLine } from '#control/platform/outcome.ts';
import { awaitedText, limitRows } from '#control/text/limit-rows.ts';
import { platformRows } from '#control/text/status-platform.ts';
import {
  ago,
  credentialRows,
  failureText,
  pathRows,
  purposeRows,
  type Row,
  timeText,
} from '#control/text/status-rows.ts';
import { isUploading, leavingRows, uploadRows } from '#control/text/status-uploads.ts';
import { formatRows } from '#control/text/table.ts';
import { trustRows } from '#control/text/trust-rows.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showDuration, showForeign, showSize, wrapWords } from '#errors/template.ts';
import { type BarProgress, progressBar } from '#logging/progress-bar.ts';
import type { Screen } from '#logging/terminal.ts';
import { waitLine } from '#logging/wait-line.ts';
import { printJson } from './terminal/json.ts';
import { type Terminal, widthOf } from './terminal/terminal.ts';
import { holdText } from './updates/hold.ts';

const COLORS: Readonly<Record<Status['health']['level'], string>> = {
  ok: '\u001b[32m',
  warning: '\u001b[33m',
  critical: '\u001b[31m',
};
const COLOR_OFF = '\u001b[0m';
const INDENT = '  ';
/** A longer label gets a line of its own. */
const MAX_LABEL = 20;

export interface StatusOptions {
  readonly json: boolean;
  /** Also show features that are not in use. */
  readonly verbose: boolean;
}

/** Prints the status. The exit status is 0, whatever the health. */
export async function statusCommand(
  control: Pick<Control, 'status'>,
  terminal: Terminal,
  options: StatusOptions,
): Promise<number> {
  const status = await control.status();
  if (options.json) {
    printJson(terminal, status);
    return EXIT_OK;
  }
  const width = widthOf(terminal.screen);
  for (const line of verdictLines(status, terminal.screen, width)) terminal.out(line);
  const unused: string[] = [];
  for (const { title, rows, isUsed, transfer = null } of sections(status, options)) {
    if (!isUsed && !options.verbose) {
      unused.push(title.toLowerCase());
      continue;
    }
    terminal.out(title);
    for (const line of sectionLines(rows, width)) terminal.out(line);
    const bars = title === UPDATES ? status.updates.transfers : uploadBar(transfer);
    for (const line of barLines(bars, terminal.screen)) terminal.out(line);
  }
  const { routes } = status;
  // The link to the platform is a purpose and has a section of the same name.
  const hidden = new Set([
    ...routes.filter((route) => !isConfigured(route)).map(({ purpose }) => showForeign(purpose)),
    ...unused,
  ]);
  if (options.verbose || hidden.size === 0) return EXIT_OK;
  for (const line of wrapWords(
    `Not in use: ${[...hidden].join(', ')} (sallyport status -v shows them)`,
    width,
    INDENT.length,
  ))
    terminal.out(line);
  return EXIT_OK;
}

const UPDATES = 'Updates';

interface Section {
  readonly title: string;
  readonly rows: Row[];
  readonly isUsed: boolean;
  /** The upload that is running, for a progress bar. */
  readonly transfer?: Status['uploads'][number]['transfer'];
}

function sections(status: Status, { verbose }: StatusOptions): Section[] {
  const { credentials, hook, receipts, paths, routes } = status;
  const shown = verbose ? routes : routes.filter(isConfigured);
  const isHooked = hook.command !== null || hook.running !== null || hook.waiting.length + hook.failed.length > 0;
  const hasReceipts = receipts.endpoint !== null || receipts.waiting > 0;
  return [
    { title: 'Sallyport', rows: mainRows(status), isUsed: true },
    { title: 'Routes', rows: purposeRows({ ...status, routes: shown }), isUsed: shown.length > 0 },
    { title: 'Credentials', rows: credentialRows(status), isUsed: credentials.length > 0 },
    { title: UPDATES, rows: [...updateRows(status), ...pauseRows(status)], isUsed: true },
    ...(isTrustShown(status) ? [{ title: 'Trust', rows: trustRows(status.trust), isUsed: true }] : []),
    { title: 'Hook', rows: hookRows(status), isUsed: isHooked },
    { title: 'Receipts', rows: receiptRows(status), isUsed: hasReceipts },
    { title: 'What leaves this host', rows: leavingRows(status), isUsed: true },
    // The rows above also name those that are not in use.
    ...status.uploads
      .filter((upload) => verbose || isUploading(upload))
      .map((upload) => ({
        title: `${upload.title[0]?.toUpperCase() ?? ''}${upload.title.slice(1)}`,
        rows: uploadRows(upload, status.at),
        isUsed: true,
        transfer: upload.transfer,
      })),
    { title: 'Platform', rows: platformRows(status), isUsed: status.platform.enabled },
    { title: 'Response timeout', rows: [timeoutRow(status)], isUsed: true },
    { title: 'Paths', rows: pathRows(status), isUsed: paths.length > 0 },
    { title: 'Log', rows: [['file', showForeign(status.log.file)]], isUsed: true },
  ];
}

/** A host that only knows unsigned feeds has nothing to show about signatures. */
function isTrustShown({ trust }: Status): boolean {
  return trust.kind === 'tuf' || trust.signed;
}

function isConfigured({ target, how }: Status['routes'][number]): boolean {
  return target !== null || how !== 'not configured';
}

/** The rows of a section. If a label is as long as a URL, each label gets a line of its own. */
function sectionLines(rows: readonly Row[], width: number): string[] {
  const isLong = rows.some(([label]) => label.length > MAX_LABEL);
  if (!isLong || !Number.isFinite(width)) return formatRows(rows, { width });
  return rows.flatMap(([label, value]) => [
    ...wrapWords(`${INDENT}${label}`, width, INDENT.length * 2),
    ...wrapWords(`${INDENT}${INDENT}${value}`, width, INDENT.length * 2),
  ]);
}

/** The overall health, which an admin looks for first. */
function verdictLines({ health }: Status, { color }: Screen, width: number): string[] {
  const level = health.level.toUpperCase();
  const [first = '', ...more] = wrapWords(`${level}: ${health.sentence}`, width, INDENT.length);
  return [color ? first.replace(level, () => `${COLORS[health.level]}${level}${COLOR_OFF}`) : first, ...more];
}

/** A host that needs no activation, and has not connected yet, has nothing to show. */
function outcomeRows({ outcome, activation }: Status): Row[] {
  if (!activation.used && outcome.kind === 'unknown') return [];
  return [['outcome', outcomeLine(outcome, { ascii: true })]];
}

function mainRows(status: Status): Row[] {
  const { at, main, config } = status;
  const since = main.since === null ? '' : ` since ${timeText(main.since)} (${ago(main.since, at)})`;
  const running = main.state === 'running' ? `running as process ${main.pid}${since}` : 'no daemon is running';
  const warnings = config.warnings === 0 ? '' : ` (warnings: ${config.warnings}, see: sallyport config check)`;
  return [
    ['version', main.version],
    ['state', running],
    ['agent', main.agent],
    ...outcomeRows(status),
    ['config', `${showForeign(config.file)}${warnings}`],
    ...configRows(config, at),
  ];
}

/** Since when the configuration is active, and which parts of the file are not. */
function configRows({ refused, since, waiting, trying, held }: Status['config'], at: string): Row[] {
  const rows: Row[] = [];
  if (refused === null) rows.push(['loaded', `${timeText(since)} (${ago(since, at)})`]);
  if (refused !== null) {
    const more = refused.count === 1 ? '' : ` (${count(refused.count, 'error')}, see: sallyport config check)`;
    rows.push(['rejected', `the file of ${timeText(refused.at)}: ${refused.first}${more}`]);
    rows.push(['active', `the file of ${timeText(since)}`]);
  }
  if (trying !== null) {
    const { by, failure } = trying;
    const state = failure === null ? 'no stage has failed yet' : `failed: ${failureText(failure)}`;
    const how = `confirm by ${timeText(trying.until)}: sallyport proxy confirm`;
    rows.push([
      'not confirmed',
      `new settings from ${showForeign(by)}, in test since ${timeText(trying.since)}; ${how}; ${state}`,
    ]);
  }
  if (held !== null) {
    const how = 'proxy_change is confirm; it is applied when all stages pass, or with: sallyport proxy confirm';
    rows.push(['not active', `the file of ${timeText(held.since)}: ${failureText(held.failure)} (${how})`]);
  }
  if (waiting.length > 0) rows.push(['restart', `needed for ${waiting.map(showForeign).join(', ')}`]);
  return rows;
}

function updateRows({ updates }: Status): Row[] {
  const rows: Row[] = [
    ['feed', updates.feed === null ? 'not configured (updates.feed_url or updates.tuf)' : showForeign(updates.feed)],
    ['serial', updates.serial === null ? 'none yet' : String(updates.serial)],
    ['last read', updates.last_success === null ? 'none yet' : timeText(updates.last_success)],
    ['next check', nextText(updates)],
    ['published', `${count(updates.published, 'package')}, ${showSize(updates.published_bytes)}`],
  ];
  for (const { id, received, length, rate } of updates.transfers) {
    const speed = rate === null ? '' : `, ${showSize(Math.round(rate))}/s`;
    rows.push(['transfer', `update ID ${showForeign(id)}: ${showSize(received)} of ${showSize(length)}${speed}`]);
  }
  if (updates.waiting !== null) rows.push(['transfer', waitText(updates.waiting)]);
  rows.push(...limitRows(updates));
  if (updates.hold !== null) rows.push(['on hold', `${holdText(updates.hold)}; to end it: sallyport updates release`]);
  for (const { id, length, since } of updates.ready) {
    rows.push([
      `update ${showForeign(id)}`,
      `ready since ${timeText(since)}, ${showSize(length)}, not published${awaitedText(updates)}`,
    ]);
  }
  for (const { id, failure, next_try: next } of updates.failing) {
    const when = next === null ? 'next attempt with the next check' : `next try ${timeText(next)}`;
    rows.push([`update ${showForeign(id)}`, `${failureText(failure)} (${when})`]);
  }
  return rows;
}

function nextText({ checking, next_check: next }: Status['updates']): string {
  if (checking) return 'running now';
  return next === null ? 'not scheduled' : timeText(next);
}

function waitText(waiting: NonNullable<Status['updates']['waiting']>): string {
  const { id, elapsed_ms: elapsedMs, limit_ms: limitMs, proxy, scans, held_ms: heldMs, held_size: heldSize } = waiting;
  const { proxy_answers_ms: answeredMs, proxy_silent_ms: silentMs } = waiting;
  const answer = answeredMs === null ? null : { answeredMs };
  const probed = silentMs === null ? answer : { silentMs };
  return waitLine({ id, limitMs, proxy, scans, heldMs, heldSize, probed }, elapsedMs, MAX_WAIT_LINE);
}

/** Maximum length in characters; the row wraps. */
const MAX_WAIT_LINE = 300;

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}

function uploadBar(transfer: Status['uploads'][number]['transfer']): readonly BarProgress[] {
  return transfer === null ? [] : [{ ...transfer, received: transfer.confirmed }];
}

/** Transfers as progress bars, on a terminal only. */
function barLines(transfers: readonly BarProgress[], { tty, columns }: Screen): string[] {
  if (!tty) return [];
  const wide = columns();
  const width = Number.isInteger(wide) && wide > INDENT.length + 1 ? wide - INDENT.length - 1 : 79;
  return transfers.map((transfer) => `${INDENT}${progressBar(transfer, width)}`);
}

function pauseRows({ paused }: Status): Row[] {
  if (paused === null) return [];
  return [
    [
      'paused',
      `since ${timeText(paused.since)}, next try ${timeText(paused.next_try)}: ${failureText(paused.failure)}`,
    ],
  ];
}

function hookRows({ hook }: Status): Row[] {
  const rows: Row[] = [['command', hook.command === null ? 'none (updates.on_published)' : showForeign(hook.command)]];
  if (hook.running !== null) rows.push(['running', `for update ID ${showForeign(hook.running)}`]);
  if (hook.waiting.length > 0) rows.push(['waiting', hook.waiting.map(showForeign).join(', ')]);
  if (hook.problem !== null) rows.push(['problem', failureText(hook.problem)]);
  for (const { id, ending } of hook.failed) {
    const shown = showForeign(id);
    rows.push([`update ${shown}`, `failed: ${showForeign(ending)}; to retry: sallyport updates hook ${shown}`]);
  }
  return rows;
}

function receiptRows({ receipts }: Status): Row[] {
  const { endpoint, waiting, next_try: next, last_failure: failed } = receipts;
  return [
    ['endpoint', endpoint === null ? 'none; receipts are kept next to the packages' : showForeign(endpoint)],
    ['waiting', next === null ? String(waiting) : `${waiting}, next try ${timeText(next)}`],
    ...(failed === null ? [] : [['last failure', `${timeText(failed.at)}: [${showForeign(failed.code)}]`] as const]),
  ];
}

function timeoutRow({ response_timeout: { mode, base_ms: baseMs, unknown_route_ms: unknownMs } }: Status): Row {
  if (mode === 'fixed') return [mode, `an attempt ends after ${baseMs} ms of silence (response_timeout.base_ms)`];
  const unknown = `an unknown route starts with ${showDuration(unknownMs)}, more for large packages`;
  return [mode, `learned for each route and size; ${unknown} (sallyport timeout explain)`];
}
