// `sallyport timeout estimate`: estimates the response timeout from a log and a packages folder, and prints the result.

import { formatTable } from '#control/text/table.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showDuration, showForeign, showLocalTime, showSize } from '#errors/template.ts';
import type { EstimatedPackage, EstimateReport } from '#estimate/estimate.ts';
import { utcTime } from '#system/moment.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

/** Only the newest downloads are shown; `--json` lists all. */
const MAX_ROWS = 20;

/** Prints the estimate. The exit status is 0. */
export async function estimateCommand(
  terminal: Terminal,
  options: { readonly json: boolean; estimate(): Promise<EstimateReport> },
): Promise<number> {
  const report = await options.estimate();
  if (options.json) printJson(terminal, estimateToJson(report));
  else for (const line of describeEstimate(report)) terminal.out(line);
  return EXIT_OK;
}

/** The measured downloads and the recommendation, as lines for a person. */
export function describeEstimate(report: EstimateReport): string[] {
  return [
    ...report.logs.map(({ path, lines, problem }) =>
      problem === null
        ? `Read ${showForeign(path)}: ${showLines(lines)}.`
        : `Read ${showForeign(path)}: ${showLines(lines)}, then ${problem}.`,
    ),
    '',
    ...describePackages(report.packages),
    '',
    ...describeDoubts(report),
    ...describeEstimates(report),
    ...describeAdvice(report),
  ];
}

function showLines(lines: number): string {
  return `${lines} ${lines === 1 ? 'line' : 'lines'}`;
}

function describePackages(packages: readonly EstimatedPackage[]): string[] {
  const shown = packages.slice(-MAX_ROWS);
  const table = formatTable(
    ['ID', 'ENDED', 'SIZE', 'ELAPSED', 'LONGEST SILENCE', 'RATE', 'NOTE'],
    shown.map((one) => [
      showForeign(one.id),
      showLocalTime(one.endedMs),
      one.size === null ? '-' : showSize(one.size),
      showDuration(one.elapsedMs),
      `${one.overlapped ? 'at most ' : ''}${showDuration(one.silenceMs)}`,
      rateOf(one),
      noteOf(one),
    ]),
  );
  const more = packages.length - shown.length;
  return more === 0
    ? table
    : [...table, `${more} earlier ${more === 1 ? 'download' : 'downloads'} not shown; --json lists all.`];
}

function rateOf({ size, elapsedMs, resumed }: EstimatedPackage): string {
  return size === null || elapsedMs === 0 || resumed ? '-' : `${showSize(Math.round(size / (elapsedMs / 1_000)))}/s`;
}

function noteOf({ size, attempts, resumed, overlapped }: EstimatedPackage): string {
  const notes = [
    size === null ? 'no .JAR with this ID' : null,
    attempts > 1 ? `measured from attempt ${attempts}, the last one` : null,
    resumed ? 'resumed an earlier attempt' : null,
    overlapped ? 'overlapped with another download' : null,
  ];
  return notes.filter((note) => note !== null).join('; ');
}

function describeDoubts({ tally, clock, clockSteps, ambiguous }: EstimateReport): string[] {
  const counted: readonly (readonly [number, string])[] = [
    [tally.restarted, 'started again without an acknowledgement in between; measured from the last start'],
    [tally.unacknowledged, 'started and never acknowledged'],
    [tally.withoutBeginning, 'acknowledged, but started before the log begins'],
    [tally.acrossClockSteps, 'left out: the clock was set during the download, or the host was suspended'],
    [tally.dropped, 'left out: only the latest 1000 are kept'],
    [clockSteps, 'backward steps of the clock'],
  ];
  const lines = counted.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}.`);
  for (const { kind, stamp } of clock) {
    if (kind === 'summer-time') lines.push(`Summer time ended; the hour repeats in the log at ${stamp}.`);
  }
  if (ambiguous.length > 0) {
    lines.push(
      `Several .JAR files match ${ambiguous.slice(0, 5).map(showForeign).join(', ')}; their sizes are not used.`,
    );
  }
  return lines.length === 0 ? [] : [...lines, ''];
}

function describeEstimates({ advice }: EstimateReport): string[] {
  if (advice.estimates.length === 0) {
    return ['No size is known, so larger packages cannot be estimated.', ''];
  }
  const rows = advice.estimates.map(({ size, elapsedMs, silenceMs }) => [
    showSize(size),
    showDuration(elapsedMs),
    showDuration(silenceMs),
  ]);
  return [
    'Estimated times by package size, from the slowest downloads in the log:',
    ...formatTable(['SIZE', 'ELAPSED', 'LONGEST SILENCE'], rows),
    '',
  ];
}

function describeAdvice({ advice }: EstimateReport): string[] {
  const { baseMs, observedMs, largestMs, margin, tipDecides } = advice;
  const larger =
    largestMs !== null && largestMs > observedMs ? `, ${showDuration(largestMs)} for the largest package here` : '';
  const why = tipDecides
    ? `multiplied by ${margin}, that is less than 5 minutes, the minimum that the manual recommends`
    : `multiplied by ${margin}`;
  return [
    `Longest silence in the log: ${showDuration(observedMs)}${larger}; ${why}.`,
    `Recommended: response_timeout.base_ms: ${baseMs}`,
  ];
}

/** The report as JSON. Scripts rely on its field names. */
export function estimateToJson({
  logs,
  packages,
  tally,
  clock,
  clockSteps,
  ambiguous,
  advice,
}: EstimateReport): Record<string, unknown> {
  const time = (ms: number) => utcTime(ms);
  return {
    logs,
    packages: packages.map((one) => ({
      id: one.id,
      file: one.file,
      size: one.size,
      began: time(one.beganMs),
      ended: time(one.endedMs),
      elapsed_ms: one.elapsedMs,
      longest_silence_ms: one.silenceMs,
      bytes_per_second:
        one.size === null || one.elapsedMs === 0 ? null : Math.round(one.size / (one.elapsedMs / 1_000)),
      attempts: one.attempts,
      resumed: one.resumed,
      overlapped: one.overlapped,
    })),
    not_measured: {
      begun_again: tally.restarted,
      unacknowledged: tally.unacknowledged,
      without_beginning: tally.withoutBeginning,
      across_clock_steps: tally.acrossClockSteps,
      dropped: tally.dropped,
    },
    clock: {
      steps_back: clockSteps,
      notes: clock.map(({ kind, stamp, backMs }) => ({ kind, at: stamp, back_ms: backMs })),
    },
    ambiguous,
    estimates: advice.estimates.map(({ size, elapsedMs, silenceMs }) => ({
      size,
      elapsed_ms: elapsedMs,
      longest_silence_ms: silenceMs,
    })),
    recommended: {
      base_ms: advice.baseMs,
      longest_silence_seen_ms: advice.observedMs,
      largest_package_ms: advice.largestMs,
      margin: advice.margin,
      tip_decides: advice.tipDecides,
    },
  };
}
