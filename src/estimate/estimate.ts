// `timeout estimate`: calculates the response timeout from an old log and the packages folder, by the procedure in a
// manual that docs/seeds.md lists.
//
// Guarantees: it reads with the rights of the calling user, writes nothing, and keeps only a small part of a log in
// memory. If a file cannot be read to its end, the report names the file, and the part that was read is used.

import { basename, dirname, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { readTextLines } from '#system/text-lines.ts';
import { type Advice, advise, type MeasuredPackage } from './advice.ts';
import { EntryJoiner, type LogEntry } from './entries.ts';
import { findJar } from './jar-names.ts';
import { type ClockNote, LogClock, type ZoneRules } from './log-clock.ts';
import { type Measured, Pairing, type PairingTally } from './pairing.ts';
import { byLog, rotatedFilesOf } from './rotation.ts';
import { SkippableLines } from './skippable-lines.ts';
import { readStep } from './steps.ts';

export interface EstimateOptions {
  /** Log files. The rotated files next to each are also read. */
  readonly logs: readonly string[];
  readonly packagesDir: string;
  readonly files: Files;
  /** The time zone of the log. */
  readonly zone: ZoneRules;
  readonly signal: AbortSignal;
}

/** A log file that was read; `problem` says why reading stopped early. */
interface LogRead {
  readonly path: string;
  readonly lines: number;
  readonly problem: string | null;
}

/** A measured download with the file that matches it. */
export interface EstimatedPackage extends MeasuredPackage {
  readonly file: string | null;
}

export interface EstimateReport {
  readonly logs: readonly LogRead[];
  /** In the order in which they ended. */
  readonly packages: readonly EstimatedPackage[];
  readonly tally: PairingTally;
  /** The first notes; `clockSteps` counts all steps. */
  readonly clock: readonly ClockNote[];
  readonly clockSteps: number;
  /** Ids that match several files. */
  readonly ambiguous: readonly string[];
  readonly advice: Advice;
}

/** Maximum number of notes on the clock; more would not tell an admin more about the log. */
const MAX_CLOCK_NOTES = 20;

/** Makes the estimate. @throws CodedError ESTIMATE-NOTHING; FILE-FAILED if a log or the folder cannot be opened */
export async function estimateTimeout(options: EstimateOptions): Promise<EstimateReport> {
  const jars = await listJars(options);
  const logs: LogRead[] = [];
  const read = [];
  for (const log of byLog(await withSiblings(options))) {
    read.push(await readLog(log, { options, logs }));
  }
  const measured = read.flatMap(({ pairing }) => pairing.measured).toSorted((a, b) => a.endedMs - b.endedMs);
  if (measured.length === 0) {
    const lines = logs.reduce((sum, log) => sum + log.lines, 0);
    throw coded('ESTIMATE-NOTHING', { lines, files: logs.length });
  }
  const { packages, ambiguous } = await measureFiles(measured, jars, options);
  return {
    logs,
    packages,
    tally: addUp(read.map(({ pairing }) => pairing.tally)),
    clock: read.flatMap(({ notes }) => notes).slice(0, MAX_CLOCK_NOTES),
    clockSteps: read.reduce((sum, { steps }) => sum + steps, 0),
    ambiguous,
    advice: advise(packages, jars.largest),
  };
}

interface Jars {
  readonly names: readonly string[];
  /** Size of the largest file in bytes. */
  readonly largest: number;
}

async function listJars({ files, packagesDir }: EstimateOptions): Promise<Jars> {
  const names = (await files.list(packagesDir)).filter((name) => name.toLowerCase().endsWith('.jar'));
  if (names.length === 0 && (await files.facts(packagesDir)) === null) {
    throw coded('FILE-FAILED', { operation: 'list', path: packagesDir, reason: 'there is no such folder' });
  }
  let largest = 0;
  for (const name of names) largest = Math.max(largest, (await sizeOf(files, join(packagesDir, name))) ?? 0);
  return { names, largest };
}

async function sizeOf(files: Files, path: string): Promise<number | null> {
  const facts = await files.facts(path);
  return facts?.kind === 'file' ? facts.size : null;
}

/** Adds the rotated files of each log, because they may contain the download in question. */
async function withSiblings({ logs, files }: EstimateOptions): Promise<string[]> {
  const paths: string[] = [];
  for (const path of logs) {
    const folder = dirname(path);
    const names = await files.list(folder).catch(() => []);
    paths.push(path, ...rotatedFilesOf(basename(path), names).map((name) => join(folder, name)));
  }
  return paths;
}

interface ReadLog {
  readonly pairing: Pairing;
  readonly notes: readonly ClockNote[];
  readonly steps: number;
}

async function readLog(
  paths: readonly string[],
  { options, logs }: { readonly options: EstimateOptions; readonly logs: LogRead[] },
): Promise<ReadLog> {
  const pairing = new Pairing();
  const clock = new LogClock(options.zone);
  const notes: ClockNote[] = [];
  let steps = 0;
  const note = (observed: ClockNote | null) => {
    if (observed === null) return;
    if (notes.length < MAX_CLOCK_NOTES) notes.push(observed);
    if (observed.kind !== 'step') return;
    steps += 1;
    pairing.stepped();
  };
  const take = (entry: LogEntry | null) => {
    if (entry === null) return;
    note(clock.see(entry.stamp));
    const step = readStep(entry.text);
    if (step !== null) pairing.take(step, clock.at(entry.stamp));
  };
  const joiner = new EntryJoiner();
  const skippable = new SkippableLines();
  const reader = {
    skips: (bytes: Uint8Array, from: number, to: number) => {
      const isSkipped = skippable.skips(bytes, from, to);
      // A skipped line ends the previous entry, and the lines after it belong to the skipped one.
      if (isSkipped) take(joiner.end());
      return isSkipped;
    },
    line: (line: string) => {
      take(joiner.next(line));
      const latest = skippable.latest();
      if (latest !== null) note(clock.see(latest));
      if (joiner.stamp !== null) skippable.note(joiner.stamp);
    },
  };
  for (const path of paths) {
    const { lines, problem } = await readTextLines(path, reader, options.signal);
    logs.push({ path, lines, problem });
  }
  take(joiner.end());
  return { pairing, notes, steps };
}

async function measureFiles(
  measured: readonly Measured[],
  { names }: Jars,
  { files, packagesDir }: EstimateOptions,
): Promise<{ packages: EstimatedPackage[]; ambiguous: string[] }> {
  const known = new Map<string, { file: string | null; size: number | null }>();
  const ambiguous: string[] = [];
  for (const { id } of measured) {
    if (known.has(id)) continue;
    const { name, several } = findJar(id, names);
    if (several) ambiguous.push(id);
    known.set(id, { file: name, size: name === null ? null : await sizeOf(files, join(packagesDir, name)) });
  }
  const packages = measured.map((one) => ({ ...one, ...(known.get(one.id) ?? { file: null, size: null }) }));
  return { packages, ambiguous };
}

function addUp(tallies: readonly PairingTally[]): PairingTally {
  const sum = (key: keyof PairingTally) => tallies.reduce((total, tally) => total + tally[key], 0);
  return {
    restarted: sum('restarted'),
    unacknowledged: sum('unacknowledged'),
    withoutBeginning: sum('withoutBeginning'),
    acrossClockSteps: sum('acrossClockSteps'),
    dropped: sum('dropped'),
  };
}
