// `sallyport updates hold`, `release` and `publish`: a change freeze for updates.

import { parseUntil } from '#cli/logs/since.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Control } from '#control/control.ts';
import { timeText } from '#control/text/status-rows.ts';
import type { HoldRow } from '#control/updates/hold-rows.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { utcTime } from '#system/moment.ts';

/** As `control/updates/hold.ts`: the service refuses a longer one. */
const MAX_REASON = 500;

/** Puts updates on hold. @throws UsageError for an end that is not a time in the future, or an empty reason */
export async function holdCommand(
  control: Control,
  terminal: Terminal,
  options: { until: string; reason: string; json: boolean; nowMs: number },
): Promise<number> {
  const reason = options.reason.trim();
  if (reason === '') throw new UsageError('--reason must not be empty.');
  if (reason.length > MAX_REASON) throw new UsageError(`--reason must have at most ${MAX_REASON} characters.`);
  const until = parseUntil(options.until, options.nowMs);
  if (until === null) {
    throw new UsageError(
      '--until needs a time such as 2026-12-27T06:00, a date such as 2026-12-27, or a span such as 3d.',
    );
  }
  if (until <= options.nowMs)
    throw new UsageError(`--until must be in the future; ${timeText(utcTime(until))} is over.`);
  const answer = await control.holdUpdates({ until: utcTime(until), reason });
  if (options.json) {
    printJson(terminal, answer);
    return EXIT_OK;
  }
  terminal.out(
    `Updates are on hold until ${timeText(answer.hold.until)}. They are downloaded and verified, but not published.`,
  );
  if (answer.replaced !== null) terminal.out(`This replaces the hold ${holdText(answer.replaced)}.`);
  terminal.out('To publish one of them: sallyport updates publish ID. To end the hold: sallyport updates release.');
  return EXIT_OK;
}

/** Ends the hold. */
export async function releaseCommand(
  control: Control,
  terminal: Terminal,
  { json }: { json: boolean },
): Promise<number> {
  const answer = await control.releaseUpdates();
  const { released, ready, publishing, opens_at: opensAt } = answer;
  if (json) {
    printJson(terminal, answer);
    return EXIT_OK;
  }
  terminal.out(released === null ? 'There was no hold.' : `Released the hold ${holdText(released)}.`);
  if (ready.length > 0) {
    const ids = ready.map(({ id }) => showForeign(id)).join(', ');
    terminal.out(`Ready to be published: ${ids}.`);
    if (publishing) terminal.out('The service publishes them now.');
    else if (opensAt === null) terminal.out('To publish them now: sallyport check.');
    else {
      terminal.out(`They wait for ${timeText(opensAt)} (updates.window.publish).`);
      terminal.out('To publish them now: sallyport check --now.');
    }
  }
  return EXIT_OK;
}

/** Publishes one package despite the hold. @throws CodedError UPDATE-NOT-READY, UPDATE-REQUIRES, READY-DAMAGED */
export async function publishCommand(
  control: Control,
  terminal: Terminal,
  options: { id: string; json: boolean; signal: AbortSignal; show(event: SallyportEvent): void },
): Promise<number> {
  const { id, json, signal, show } = options;
  const answer = await control.publishUpdate(id, json ? () => undefined : show, signal);
  if (json) printJson(terminal, answer);
  else if (answer.already) terminal.out(`Update ID ${showForeign(id)} is published already.`);
  else terminal.out(`Published update ID ${showForeign(id)} as ${showForeign(answer.path)}.`);
  return EXIT_OK;
}

/** `until ..., set by root: "freeze"`. */
export function holdText({ until, by, reason }: HoldRow): string {
  return `until ${timeText(until)}, set by ${byText(by)}: ${showForeign(reason)}`;
}

/** The words of the daemon about a user; anything else is quoted. */
function byText(by: string): string {
  return /^[a-zA-Z0-9 ._@()\\-]{1,120}$/.test(by) ? by : showForeign(by);
}
