// `timeout estimate`: the manual's procedure for the response timeout, done by reading the log and the packages folder.
//
// Guarantees: reads with the rights of whoever calls, writes nothing, keeps little of a log of any size in memory. A file
// that can't be read to its end is named, and what was read counts. Relies on the pure steps beside it.

import { basename, dirname, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { readTextLines } from '#system/text-lines.ts';
import { type Advice, advise, type MeasuredPackage } from './advice.ts';
import { BoringLines } from './boring.ts';
import { EntryJoiner, type LogEntry } from './entries.ts';
import { findJar } from './jar-names.ts';
import { type ClockNote, LogClock, type ZoneRules } from './log-clock.ts';
import { type Measured, Pairing, type PairingTally } from './pairing.ts';
import { byLog, siblingsOf } from './rotation.ts';
import { readStep } from './steps.ts';

export interface EstimateOptions {
  /** Log files; the rotated ones beside one are read as well. */
  readonly logs: readonly string[];
  readonly packagesDir: string;
  readonly files: Files;
  /** The zone of the times in the log. */
  readonly zone: ZoneRules;
  readonly signal: AbortSignal;
}

/** A file that was read. */
interface LogRead {
  readonly path: string;
  readonly lines: number;
  readonly problem: string | null;
}

/** A measured download, with the file that was found for it. */
export interface EstimatedPackage extends MeasuredPackage {
  readonly file: string | null;
}

export interface EstimateReport {
  readonly logs: readonly LogRead[];
  /** In the order in which they ended. */
  readonly packages: readonly EstimatedPackage[];
  readonly tally: PairingTally;
  /** The first of them. */
  readonly clock: readonly ClockNote[];
  readonly clockSteps: number;
  /** Ids that several files could belong to. */
  readonly ambiguous: readonly string[];
  readonly advice: Advice;
}

/** So many notes on the clock are enough to know what kind of log it is. */
const MAX_CLOCK_NOTES = 20;

/** @throws CodedError ESTIMATE-NOTHING; FILE-FAILED for a log or a folder that can't be opened */
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
  /** Bytes of the largest one. */
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

/** A log that was named is read with its rotated files: the download in question may be in one of them. */
async function withSiblings({ logs, files }: EstimateOptions): Promise<string[]> {
  const paths: string[] = [];
  for (const path of logs) {
    const folder = dirname(path);
    const names = await files.list(folder).catch(() => []);
    paths.push(path, ...siblingsOf(basename(path), names).map((name) => join(folder, name)));
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
  const boring = new BoringLines();
  const reader = {
    skips: (bytes: Uint8Array, from: number, to: number) => {
      const isBoring = boring.skips(bytes, from, to);
      // It ends the entry before, and what follows it is a part of it.
      if (isBoring) take(joiner.end());
      return isBoring;
    },
    line: (line: string) => {
      take(joiner.next(line));
      const latest = boring.latest();
      if (latest !== null) note(clock.see(latest));
      if (joiner.stamp !== null) boring.note(joiner.stamp);
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
    begunAgain: sum('begunAgain'),
    unacknowledged: sum('unacknowledged'),
    withoutBeginning: sum('withoutBeginning'),
    acrossClockSteps: sum('acrossClockSteps'),
    dropped: sum('dropped'),
  };
}
