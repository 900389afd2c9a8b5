// `sallyport platform preview` and `sallyport platform advice`.

import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { timeText } from '#control/text/status-rows.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';

/** The keys that stop the reports, each with the value that does so. */
const WHY_OFF: Readonly<Record<string, string>> = {
  'platform.report': 'platform.report is none',
  uploads_allowed: 'uploads_allowed is false',
};

/** Prints the next report exactly as it is sent, and nothing else on the standard output. */
export async function previewCommand(control: Control, terminal: Terminal): Promise<number> {
  const { report, off } = await control.previewReport();
  if (report === null) terminal.err(`No report is sent: ${WHY_OFF[off ?? 'platform.report'] ?? `see ${off}`}.`);
  else terminal.out(report);
  return EXIT_OK;
}

/** Lists the advice of the platform, newest first. Nothing of it is run. */
export async function adviceCommand(
  control: Control,
  terminal: Terminal,
  { json }: { json: boolean },
): Promise<number> {
  const advice = await control.listAdvice();
  if (json) {
    printJson(terminal, advice);
    return EXIT_OK;
  }
  if (advice.length === 0) terminal.out('The platform has not sent any advice.');
  for (const { at, from, text } of advice) {
    terminal.out(`${timeText(at)}, from ${showForeign(from)}:`);
    terminal.out(`  ${showForeign(text)}`);
  }
  return EXIT_OK;
}
