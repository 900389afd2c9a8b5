// `sallyport status`: is it well, what is it doing, what did it decide and why; a section for each room.
//
// Guarantees: the same words on a tty and elsewhere; a tty adds a bar to what is under way and, where it may, colour to the
// verdict. Ages are counted from the time of the answer, not from a clock of this process.

import type { Control, Status } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { progressBar } from '#logging/progress-bar.ts';
import type { Screen } from '#logging/terminal.ts';
import { tellJson } from './json.ts';
import { ago, credentialRows, failureText, pathRows, purposeRows, type Row } from './status-rows.ts';
import type { Terminal } from './terminal.ts';

const COLORS: Readonly<Record<Status['health']['level'], string>> = {
  ok: '\u001b[32m',
  warning: '\u001b[33m',
  critical: '\u001b[31m',
};
const COLOR_OFF = '\u001b[0m';
const INDENT = '  ';

/** Prints the status; exit status 0 whenever it could be told. */
export async function statusCommand(control: Control, terminal: Terminal, options: { json: boolean }): Promise<number> {
  const status = await control.status();
  if (options.json) {
    tellJson(terminal, status);
    return EXIT_OK;
  }
  for (const [title, rows] of sections(status, terminal.screen)) {
    terminal.out(title);
    const width = Math.max(...rows.map(([label]) => label.length));
    for (const [label, value] of rows) terminal.out(`${INDENT}${label.padEnd(width)}  ${value}`);
    if (title === UPDATES) for (const line of barLines(status, terminal.screen)) terminal.out(line);
  }
  return EXIT_OK;
}

const UPDATES = 'Updates';

function sections(status: Status, screen: Screen): (readonly [title: string, rows: Row[]])[] {
  return [
    ['Sallyport', mainRows(status, screen)],
    ['Routes', purposeRows(status)],
    ['Credentials', credentialRows(status)],
    [UPDATES, [...updateRows(status), ...pauseRows(status)]],
    ['Hook', hookRows(status)],
    ['Receipts', receiptRows(status)],
    ['Response timeout', [timeoutRow(status)]],
    ['Paths', pathRows(status)],
    ['Log', [['file', showForeign(status.log.file)]]],
  ];
}

function mainRows({ at, main, config, health }: Status, { color }: Screen): Row[] {
  const running =
    main.state === 'running'
      ? `running as process ${main.pid} since ${main.since}${main.since === null ? '' : ` (${ago(main.since, at)})`}`
      : 'no daemon is running';
  const warnings = config.warnings === 0 ? '' : ` (warnings: ${config.warnings}, see: sallyport config check)`;
  const level = health.level.toUpperCase();
  return [
    ['version', main.version],
    ['state', running],
    ['health', `${color ? `${COLORS[health.level]}${level}${COLOR_OFF}` : level}: ${health.sentence}`],
    ['agent', main.agent],
    ['config', `${showForeign(config.file)}${warnings}`],
    ...configRows(config, at),
  ];
}

/** Since when it is in force, and what of the file is not. */
function configRows({ refused, since, waiting, trying, held }: Status['config'], at: string): Row[] {
  const rows: Row[] = [];
  if (refused === null) rows.push(['loaded', `${since} (${ago(since, at)})`]);
  if (refused !== null) {
    const more = refused.count === 1 ? '' : ` (${refused.count} mistakes, see: sallyport config check)`;
    rows.push(['refused', `the file as it was at ${refused.at}: ${refused.first}${more}`]);
    rows.push(['in force', `what the file said at ${since}`]);
  }
  if (trying !== null) {
    const { by, failure } = trying;
    const state = failure === null ? 'no stage has failed yet' : `failed: ${failureText(failure)}`;
    const how = `until ${trying.until} at the latest, by: sallyport proxy confirm`;
    rows.push(['not confirmed', `new settings of ${showForeign(by)}, tried since ${trying.since}, ${how}; ${state}`]);
  }
  if (held !== null) {
    const how = 'proxy_change is confirm; it comes into force when its stages pass, or by: sallyport proxy confirm';
    rows.push(['not in force', `the file as it is since ${held.since}: ${failureText(held.failure)} (${how})`]);
  }
  if (waiting.length > 0) rows.push(['restart', `needed for ${waiting.map(showForeign).join(', ')}`]);
  return rows;
}

function updateRows({ updates }: Status): Row[] {
  const rows: Row[] = [
    ['feed', updates.feed === null ? 'not configured (updates.feed_url)' : showForeign(updates.feed)],
    ['serial', updates.serial === null ? 'none yet' : String(updates.serial)],
    ['last read', updates.last_success ?? 'none yet'],
    ['next check', updates.checking ? 'running now' : (updates.next_check ?? 'not scheduled')],
    ['published', `${updates.published} packages, ${showSize(updates.published_bytes)}`],
  ];
  if (updates.transfer !== null) {
    const { id, received, length, rate } = updates.transfer;
    const speed = rate === null ? '' : `, ${showSize(Math.round(rate))}/s`;
    rows.push(['transfer', `update ID ${showForeign(id)}: ${showSize(received)} of ${showSize(length)}${speed}`]);
  }
  for (const { id, failure, next_try: next } of updates.failing) {
    const when = next === null ? 'next try with the next check' : `next try ${next}`;
    rows.push([`update ${showForeign(id)}`, `${failureText(failure)} (${when})`]);
  }
  return rows;
}

/** What is under way as a bar, where there is a terminal to draw it on. */
function barLines({ updates: { transfer } }: Status, { tty, columns }: Screen): string[] {
  if (transfer === null || !tty) return [];
  const wide = columns();
  const width = Number.isInteger(wide) && wide > INDENT.length + 1 ? wide - INDENT.length - 1 : 79;
  return [`${INDENT}${progressBar(transfer, width)}`];
}

function pauseRows({ paused }: Status): Row[] {
  if (paused === null) return [];
  return [['paused', `since ${paused.since}, next try ${paused.next_try}: ${failureText(paused.failure)}`]];
}

function hookRows({ hook }: Status): Row[] {
  const rows: Row[] = [['command', hook.command === null ? 'none (updates.on_published)' : showForeign(hook.command)]];
  if (hook.running !== null) rows.push(['running', `for update ID ${showForeign(hook.running)}`]);
  if (hook.waiting.length > 0) rows.push(['waiting', hook.waiting.map(showForeign).join(', ')]);
  if (hook.problem !== null) rows.push(['problem', failureText(hook.problem)]);
  for (const { id, ending } of hook.failed) {
    const shown = showForeign(id);
    rows.push([`update ${shown}`, `failed: ${showForeign(ending)}; again with: sallyport updates hook ${shown}`]);
  }
  return rows;
}

function receiptRows({ receipts }: Status): Row[] {
  const { endpoint, waiting, next_try: next, last_failure: failed } = receipts;
  return [
    ['endpoint', endpoint === null ? 'none; receipts are kept beside the packages' : showForeign(endpoint)],
    ['waiting', next === null ? String(waiting) : `${waiting}, next try ${next}`],
    ...(failed === null ? [] : [['last failure', `${failed.at}: [${showForeign(failed.code)}]`] as const]),
  ];
}

function timeoutRow({ response_timeout: { mode, base_ms: baseMs } }: Status): Row {
  if (mode === 'fixed') return [mode, `${baseMs} ms of silence end an attempt (response_timeout.base_ms)`];
  return [
    mode,
    `learned for each route and size; an unknown route gets at least ${baseMs} ms (response_timeout.base_ms)`,
  ];
}
