// `sallyport sent`: what left this host, newest first.

import { printJson } from '#cli/terminal/json.ts';
import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { timeText } from '#control/text/status-rows.ts';
import { formatTable } from '#control/text/table.ts';
import type { SentRow } from '#control/uploads/send-logs.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign, showSize } from '#errors/template.ts';

/** Prints the newest lines of the record. */
export async function sentCommand(
  control: Control,
  terminal: Terminal,
  { limit, json }: { readonly limit: number; readonly json: boolean },
): Promise<number> {
  const rows = await control.listSent(limit);
  if (json) printJson(terminal, rows);
  else if (rows.length === 0) terminal.out('Nothing has left this host.');
  else {
    const table = rows.map((row) => [timeText(row.at), ...cellsOf(row)]);
    const heads = ['AT', 'WHAT', 'CONTENT', 'SIZE', 'TO', 'VIA', 'REQUESTED BY', 'RECEIPT'];
    for (const line of formatTable(heads, table, widthOf(terminal.screen))) terminal.out(line);
  }
  return EXIT_OK;
}

function cellsOf(row: SentRow): string[] {
  if (row.kind === 'bundle') {
    const { job, files, more_files: more, length, url, via, requested_by: by, receipt } = row;
    const content = `files: ${files.length + more}`;
    const user = by.user ?? (by.how === 'platform' ? `platform, request ${by.request}` : by.how);
    return [job, content, showSize(length), url, via, user, receipt].map(shownText);
  }
  const { documents, rejected, wire_bytes: bytes, url, via } = row;
  const content = `documents: ${documents}${rejected === 0 ? '' : `, rejected: ${rejected}`}`;
  return ['analytics', content, showSize(bytes), url, via.join(', '), '', ''].map(shownText);
}

/** Numbers and sizes contain spaces, which are not from outside. */
function shownText(text: string): string {
  return /^[\w .,:/@-]*$/.test(text) ? text : showForeign(text);
}
