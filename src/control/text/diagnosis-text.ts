// A diagnosis for people: the cause first, then one line for each purpose, then the stages of each purpose in columns.
// Pure. The caller sets the width and whether colors are used. No information is in the colors alone.

import type { Diagnosis, PurposeReport, Stage } from '#control/control.ts';
import { outcomeLine } from '#control/platform/outcome.ts';
import { atHop } from '#errors/hop.ts';
import { showDuration, showForeign, wrapWords } from '#errors/template.ts';
import { formatTable } from './table.ts';

/** The label of each stage. */
const STAGE_TITLES: Readonly<Record<Stage['name'], string>> = {
  choice: 'proxy chosen',
  resolve: 'name',
  dial: 'TCP',
  proxy_tls: 'TLS to proxy',
  tunnel: 'CONNECT',
  authentication: 'proxy user',
  tls: 'TLS to target',
  http: 'HTTP',
  websocket: 'WebSocket',
  range: 'byte range',
  upload: 'test upload',
  path: 'path',
  clock: 'clock',
};

/** The label of a stage by its name; a name that this version does not know stays as it is. */
export function stageTitle(name: string): string {
  return Object.hasOwn(STAGE_TITLES, name) ? STAGE_TITLES[name as Stage['name']] : name;
}

type Outcome = PurposeReport['outcome'];
type Finding = NonNullable<Diagnosis['verdict']['finding']>;
type EndpointReport = PurposeReport['endpoints'][number];
const MARKS: Readonly<Record<Outcome, string>> = {
  ok: 'ok',
  warning: 'WARNING',
  failed: 'FAILED',
  'not configured': '-',
};
const COLORS: Readonly<Record<Outcome, string>> = {
  ok: '\u001b[32m',
  warning: '\u001b[33m',
  failed: '\u001b[31m',
  'not configured': '\u001b[2m',
};
/** Lines that explain the verdict are indented by this many spaces. */
const DETAIL_INDENT = 2;
const COLOR_OFF = '\u001b[0m';

/** How lines are shown: `width` is in characters, infinite for a file or a pipe. */
export interface LineStyle {
  readonly color: boolean;
  readonly width: number;
}

/** All lines of the diagnosis. */
export function diagnosisLines(diagnosis: Diagnosis, style: LineStyle): string[] {
  const { as, verdict, purposes, notes, saved, through } = diagnosis;
  const finding = verdict.finding;
  const tested = purposes.filter(({ outcome }) => outcome !== 'not configured');
  const proven = provenLine(
    purposes.find(({ purpose, outcome }) => purpose === verdict.purpose && outcome === 'failed'),
  );
  const details = [
    ...(finding === null ? [] : [`  ${atHop(finding.hop, finding.class)}${adviceOf(finding, proven.length > 0)}`]),
    ...proven,
    ...(through === null
      ? []
      : [`  Tested through ${showForeign(through)}, regardless of use_proxy_for. Nothing was changed.`]),
    ...(saved ? [] : ['  These settings are not saved.']),
    ...opinionLines(tested),
    ...notes.map((note) => `  ${note}`),
  ];
  return [
    ...(as.service ? [] : [`Running as ${showForeign(as.user)}, not as the service.`]),
    ...verdictLines(verdict, style),
    ...details.flatMap((line) => wrapWords(line, style.width, DETAIL_INDENT)),
    ...(purposes.length === 0 ? [] : ['', ...purposeLines(purposes, style)]),
    ...tested.flatMap((report) => ['', ...stageLines(report, style)]),
    ...interceptionLines(tested, style),
    ...outcomeLines(diagnosis, style),
  ];
}

/** The sentence of the verdict, in its color. */
export function verdictLines({ sentence, outcome }: Diagnosis['verdict'], { color, width }: LineStyle): string[] {
  return wrapWords(sentence, width, DETAIL_INDENT).map((line) => paint(line, outcome, color));
}

/** `check` also lists what already succeeded; `advice` does not, for when a separate line lists it. */
function adviceOf({ check, advice }: Finding, isListed: boolean): string {
  return isListed ? (advice ?? check) : check;
}

/** The stages that succeeded before the failure, except the choice of a proxy, which proves nothing. */
function provenLine(failed: PurposeReport | undefined): string[] {
  const passed = failed?.stages.filter(({ name, outcome }) => outcome === 'ok' && name !== 'choice') ?? [];
  const titles = [...new Set(passed.map(({ name }) => STAGE_TITLES[name]))];
  return titles.length === 0 ? [] : [`  Already succeeded: ${titles.join(', ')}.`];
}

/** The last line: what this host shows with these settings. */
function outcomeLines({ outcome }: Diagnosis, { width }: LineStyle): string[] {
  if (outcome == null) return [];
  return ['', ...wrapWords(outcomeLine(outcome, { ascii: false }), width, DETAIL_INDENT)];
}

/** The result of an ordinary Node client. Purposes with the same sentence share a line. */
function opinionLines(tested: readonly PurposeReport[]): string[] {
  const opinions = tested.flatMap(({ purpose, enabled, second_opinion: opinion }) =>
    opinion === null ? [] : [{ name: `${purpose}${notEnabled(enabled)}`, ...opinion }],
  );
  const bySentence = Map.groupBy(opinions, ({ says }) => says);
  return [...bySentence].map(([says, same]) => {
    const purposes = same.map(({ name }) => name).join(', ');
    return bySentence.size === 1 ? `  ${says}` : `  ${purposes}: ${says}`;
  });
}

/** The stages of the purpose that the verdict is about, up to the failure. */
export function failedStageLines({ verdict, purposes }: Diagnosis, style: LineStyle): string[] {
  return purposes.filter(({ purpose }) => purpose === verdict.purpose).flatMap((report) => stageLines(report, style));
}

/** The result of each purpose, its proxy, and its target or failure. */
function purposeLines(purposes: readonly PurposeReport[], { color, width }: LineStyle): string[] {
  const rows = purposes.map((report) => [
    report.purpose,
    `${MARKS[report.outcome]}${report.target === null ? '' : notEnabled(report.enabled)}`,
    connectionText(report),
    report.failure === null ? (report.target ?? 'not configured') : `[${report.failure.code}] ${report.target}`,
  ]);
  // In a narrow window a purpose has several lines; the first of them begins with its name.
  let index = -1;
  return formatTable(['PURPOSE', 'RESULT', 'EFFECTIVE PROXY', 'TARGET'], rows, width).map((line) => {
    const next = purposes[index + 1];
    if (next !== undefined && line.startsWith(next.purpose)) index += 1;
    const outcome = purposes[index]?.outcome;
    return outcome === undefined ? line : mark(line, outcome, color);
  });
}

/** Marks a purpose that is tested although it is not enabled, in the words of `status`. */
function notEnabled(enabled: boolean): string {
  return enabled ? '' : ' (not enabled)';
}

function connectionText({ outcome, proxy, how }: PurposeReport): string {
  if (outcome === 'not configured' || how === null) return '-';
  return proxy === null ? 'none (direct)' : `${showForeign(proxy)} (${how})`;
}

function stageLines(
  { purpose, target, enabled, stages, elapsed_ms: elapsedMs }: PurposeReport,
  { color, width }: LineStyle,
): string[] {
  const titleWidth = Math.max(...Object.values(STAGE_TITLES).map(({ length }) => length));
  let at = stages[0]?.target;
  const lines = stages.flatMap((stage) => {
    const title = stage.target === at || stage.target === '' ? [] : [`  then ${showForeign(stage.target)}`];
    at = stage.target === '' ? at : stage.target;
    const took = stage.elapsed_ms === null ? '' : showDuration(stage.elapsed_ms);
    const text = stage.code === null ? stage.says : `[${stage.code}] ${stage.says}`;
    const columns = `  ${STAGE_TITLES[stage.name].padEnd(titleWidth)}  ${MARKS[stage.outcome].padEnd(7)}  ${took.padStart(7)}  `;
    const [first = '', ...others] = wrapWords(`${columns}${text}`, width, columns.length);
    return [...title, mark(first, stage.outcome, color), ...others];
  });
  const heading = `${purpose}${notEnabled(enabled)} to ${target} (${showDuration(elapsedMs)})`;
  return [...wrapWords(heading, width, DETAIL_INDENT), ...lines];
}

/** A table with the certificate of each endpoint, which shows the hosts whose TLS is intercepted. */
function interceptionLines(reports: readonly PurposeReport[], { width }: LineStyle): string[] {
  const rows = reports.flatMap(({ purpose, endpoints }) =>
    endpoints.map(({ endpoint, outcome, issuer, expires, code }) => [
      endpoint,
      purpose,
      endpointMark({ outcome, code, issuer }),
      issuer === null ? '-' : showForeign(issuer),
      expires ?? '-',
    ]),
  );
  if (rows.length === 0) return [];
  return ['', ...formatTable(['ENDPOINT', 'PURPOSE', 'TLS', 'ISSUED BY', 'EXPIRES'], rows, width)];
}

/** An endpoint without TLS has no certificate. */
function endpointMark({ outcome, code, issuer }: Pick<EndpointReport, 'outcome' | 'code' | 'issuer'>): string {
  if (outcome === 'intercepted') return 'INTERCEPTED';
  if (outcome === 'ok' && issuer === null) return 'none';
  return code === null ? outcome : `${outcome} [${code}]`;
}

/** Colors the word of the outcome within the line. */
function mark(line: string, outcome: Outcome, color: boolean): string {
  const word = MARKS[outcome];
  const pattern = new RegExp(` ${word}(?= |$)`);
  return color ? line.replace(pattern, () => ` ${COLORS[outcome]}${word}${COLOR_OFF}`) : line;
}

function paint(line: string, outcome: Outcome, color: boolean): string {
  return color ? `${COLORS[outcome]}${line}${COLOR_OFF}` : line;
}
