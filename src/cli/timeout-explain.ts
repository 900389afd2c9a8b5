// `sallyport timeout explain`: the timeouts of each route, the evidence for them, and their last change.

import type { Control } from '#control/control.ts';
import { formatTable } from '#control/text/table.ts';
import type { TimeoutExplanation } from '#control/timeouts.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { fillTemplate, showDuration, showForeign, showSize } from '#errors/template.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

type Route = TimeoutExplanation['routes'][number];
type Plan = Route['plans'][number];

/** Width of the longest bar, in columns. */
const BAR_COLUMNS = 40;

/** Prints every route, with a small chart on a terminal. */
export async function explainTimeoutCommand(
  control: Control,
  terminal: Terminal,
  options: { readonly size: number | null; readonly json: boolean },
): Promise<number> {
  const explanation = await control.explainTimeout(options.size);
  if (options.json) {
    printJson(terminal, explanation);
    return EXIT_OK;
  }
  terminal.out(modeLine(explanation));
  if (explanation.routes.length === 0) terminal.out('No route is known yet (updates.feed_url).');
  for (const route of explanation.routes) {
    terminal.out('');
    for (const line of describeRoute(route, terminal.screen.tty)) terminal.out(line);
  }
  return EXIT_OK;
}

function modeLine({ mode, base_ms, min_ms, max_ms, total_max_ms }: TimeoutExplanation): string {
  if (mode === 'fixed') {
    return `Fixed: ${showDuration(base_ms)} for the first byte and for each silence (response_timeout.base_ms), for every size.`;
  }
  return (
    `Adaptive: timeouts of ${showDuration(min_ms)} to ${showDuration(max_ms)} for the first byte and each silence, ` +
    `and up to ${showDuration(total_max_ms)} for the whole transfer.`
  );
}

function describeRoute(route: Route, chart: boolean): string[] {
  const { proxy, origin, kind, plans, changed } = route;
  const routeText = proxy === 'direct' ? 'direct' : `through ${showForeign(proxy)}`;
  const table = formatTable(
    ['SIZE', 'FIRST BYTE', 'SILENCE', 'TOTAL', 'EXPECTED'],
    plans.map((plan) => [
      showSize(plan.size),
      showDuration(plan.first_byte_ms),
      showDuration(plan.silence_ms),
      // 2^31 - 1 ms means that there is no limit.
      plan.total_ms >= 2_147_483_647 ? 'no limit' : showDuration(plan.total_ms),
      plan.expected_ms === null ? '-' : showDuration(plan.expected_ms),
    ]),
  );
  return [
    `${showForeign(origin)} ${routeText}${kind === null ? '' : `: ${showWords(kind)}`}`,
    ...table.map((line) => `  ${line}`),
    ...(chart ? drawPlans(plans).map((line) => `  ${line}`) : []),
    ...evidenceLines(route).map((line) => `  ${line}`),
    ...(changed === null ? [] : [`  Last change, at ${showForeign(changed.at)}: ${changeWords(changed)}.`]),
  ];
}

function evidenceLines({ plans, evidence }: Route): string[] {
  const { downloads, newest, largest, longest_wait_ms, longest_wait_size } = evidence;
  const why = [...new Set(plans.map((plan) => plan.why))].map((words) => `${showWords(words)}.`);
  if (downloads === 0 || largest === null) return why;
  return [
    ...why.map((words) => `Why: ${words}`),
    `Evidence: ${downloads} verified ${downloads === 1 ? 'download' : 'downloads'} of up to ${showSize(largest)}, the newest at ${showForeign(newest ?? '-')}; ` +
      `the longest wait was ${showDuration(longest_wait_ms ?? 0)}, for ${showSize(longest_wait_size ?? 0)}.`,
  ];
}

function changeWords({ size, from_ms, to_ms, before, after }: NonNullable<Route['changed']>): string {
  const [from, to] = [showDuration(from_ms), showDuration(to_ms)];
  return `from ${from} to ${to} for ${showSize(size)} (before: ${showWords(before)}; now: ${showWords(after)})`;
}

/** Expected transfer time and timeout of each plan as a bar: `####......`. */
function drawPlans(plans: readonly Plan[]): string[] {
  const maxMs = Math.max(1, ...plans.map((plan) => plan.first_byte_ms));
  const width = Math.max(...plans.map((plan) => showSize(plan.size).length));
  const columns = (ms: number) => Math.max(1, Math.round((ms / maxMs) * BAR_COLUMNS));
  return [
    '',
    ...plans.map((plan) => {
      const whole = columns(plan.first_byte_ms);
      const expected = plan.expected_ms === null ? 0 : Math.min(whole, columns(plan.expected_ms));
      return `${showSize(plan.size).padStart(width)} |${'#'.repeat(expected)}${'.'.repeat(whole - expected)} ${showDuration(plan.first_byte_ms)}`;
    }),
    '# = expected transfer time, . = rest of the timeout for the first byte',
    '',
  ];
}

/** Filters a text of the daemon, which may have another version than this command. */
function showWords(words: string): string {
  return fillTemplate('{words:words}', { words });
}
