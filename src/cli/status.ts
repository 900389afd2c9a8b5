// `sallyport status`: is it well, what is it doing, what did it decide and why; a section for each room.

import type { Control, Status } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { fillTemplate, showForeign, showSize } from '#errors/template.ts';
import { tellJson } from './json.ts';
import type { Terminal } from './terminal.ts';

/** Prints the status; exit status 0 whenever it could be told. */
export async function statusCommand(control: Control, terminal: Terminal, options: { json: boolean }): Promise<number> {
  const status = await control.status();
  if (options.json) {
    tellJson(terminal, status);
    return EXIT_OK;
  }
  for (const [title, rows] of sections(status)) {
    terminal.out(title);
    const width = Math.max(...rows.map(([label]) => label.length));
    for (const [label, value] of rows) terminal.out(`  ${label.padEnd(width)}  ${value}`);
  }
  return EXIT_OK;
}

const RANGES = ['do not work', 'work'] as const;

type Row = readonly [label: string, value: string];

function sections(status: Status): (readonly [title: string, rows: Row[]])[] {
  return [
    ['Sallyport', mainRows(status)],
    ['Routes', status.routes.map(routeRow)],
    ['Updates', [...updateRows(status), ...pauseRows(status)]],
    ['Hook', hookRows(status)],
    ['Receipts', receiptRows(status)],
    ['Response timeout', [timeoutRow(status)]],
    ['Paths', pathRows(status)],
    ['Log', [['file', showForeign(status.log.file)]]],
  ];
}

function mainRows({ main, config, health }: Status): Row[] {
  const running =
    main.state === 'running' ? `running as process ${main.pid} since ${main.since}` : 'no daemon is running';
  const warnings = config.warnings === 0 ? '' : ` (warnings: ${config.warnings}, see: sallyport config check)`;
  return [
    ['version', main.version],
    ['state', running],
    ['health', `${health.level.toUpperCase()}: ${health.sentence}`],
    ['agent', main.agent],
    ['config', `${showForeign(config.file)}${warnings}`],
    ...configRows(config),
  ];
}

/** What of the file is not in force. */
function configRows({ refused, since, waiting, trying, held }: Status['config']): Row[] {
  const rows: Row[] = [];
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

function routeRow({ purpose, how, proxy, target, why }: Status['routes'][number]): Row {
  const way = proxy === null ? how : `${how} through proxy ${showForeign(proxy)}`;
  const to = target === null ? '' : ` to ${showForeign(target)}`;
  return [purpose, `${way}${to}${why.length === 0 ? '' : ` (${why.join('; ')})`}`];
}

function updateRows({ updates }: Status): Row[] {
  const rows: Row[] = [
    ['feed', updates.feed === null ? 'not configured (updates.feed_url)' : showForeign(updates.feed)],
    ['serial', updates.serial === null ? 'none yet' : String(updates.serial)],
    ['last success', updates.last_success ?? 'none yet'],
    ['next check', updates.checking ? 'running now' : (updates.next_check ?? 'not scheduled')],
    ['published', `${updates.published} packages, ${showSize(updates.published_bytes)}`],
  ];
  if (updates.transfer !== null) {
    const { id, received, length } = updates.transfer;
    rows.push(['transfer', `update ID ${showForeign(id)}: ${showSize(received)} of ${showSize(length)}`]);
  }
  if (updates.last_failure !== null) rows.push(['last failure', failureText(updates.last_failure)]);
  for (const { id, failure } of updates.failing) rows.push([`update ${showForeign(id)}`, failureText(failure)]);
  return rows;
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
  return [
    [
      'endpoint',
      receipts.endpoint === null ? 'none; receipts are kept beside the packages' : showForeign(receipts.endpoint),
    ],
    [
      'waiting',
      receipts.next_try === null ? String(receipts.waiting) : `${receipts.waiting}, next try ${receipts.next_try}`,
    ],
  ];
}

function pathRows({ paths }: Status): Row[] {
  if (paths.length === 0) return [['none', 'no response has been seen yet']];
  return paths.map(({ proxy, origin, seen, via, ranges_work, kind }) => {
    const ranges = ranges_work === null ? 'not tried' : RANGES[Number(ranges_work)];
    const shownVia = via === null ? 'none' : fillTemplate('{via:via}', { via });
    return [
      `${showForeign(origin)} by ${showForeign(proxy)}`,
      `seen ${showForeign(seen)}; Via ${shownVia}; ranges ${ranges}${kind === null ? '' : `; ${kind}`}`,
    ];
  });
}

function failureText({ code, message, check }: { code: string; message: string; check: string }): string {
  return `[${code}] ${message} ${check}`;
}

function timeoutRow({ response_timeout: { mode, base_ms: baseMs } }: Status): Row {
  if (mode === 'fixed') return [mode, `${baseMs} ms of silence end an attempt (response_timeout.base_ms)`];
  return [
    mode,
    `learned for each route and size; an unknown route gets at least ${baseMs} ms (response_timeout.base_ms)`,
  ];
}
