// The response timeout that the log of this host suggests, as the first manual determines it: the lines of a download, the
// size of its package, and the advice. Reads with the rights of the console's user.
//
// Guarantees: reads only the log and the packages of the configuration, never a path from a page. A log that this user
// cannot read is an error that names it.

import { dirname, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { EntryJoiner, type LogEntry } from '#estimate/entries.ts';
import { estimateTimeout } from '#estimate/estimate.ts';
import { readStep } from '#estimate/steps.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { readTextLines } from '#system/text-lines.ts';
import { Zone } from '#system/time/zone.ts';

/** A download in the log. */
export interface LogDownload {
  readonly id: string;
  /** In bytes; null if no file in the folder of the packages matches its id. */
  readonly size: number | null;
  /** RFC 3339. */
  readonly ended: string;
  readonly elapsed_ms: number;
  readonly longest_silence_ms: number;
  /** From its last start to its acknowledgement. */
  readonly lines: readonly string[];
}

export interface LogEstimate {
  readonly log: string;
  readonly packages_dir: string;
  /** The newest first. */
  readonly downloads: readonly LogDownload[];
  readonly advice: {
    /** The recommended `response_timeout.base_ms`. */
    readonly base_ms: number;
    readonly longest_silence_ms: number;
    readonly margin: number;
    /** The value of the manual is larger than the measured one, and so decides. */
    readonly tip_decides: boolean;
    readonly estimates: readonly { readonly size: number; readonly silence_ms: number }[];
  };
}

export interface LogPlaces {
  readonly log: string;
  readonly packagesDir: string;
  readonly files: Files;
  readonly known: Redactor;
}

const MAX_DOWNLOADS = 20;
const MAX_LINES = 40;

/** @throws CodedError ESTIMATE-NOTHING; FILE-FAILED if the log or the folder cannot be opened */
export async function estimateFromLog(places: LogPlaces, signal: AbortSignal): Promise<LogEstimate> {
  const { log, packagesDir, files, known } = places;
  if ((await files.facts(dirname(log))) === null)
    throw coded('FILE-FAILED', { operation: 'list', path: dirname(log), reason: 'there is no such folder' });
  const report = await estimateTimeout({ logs: [log], packagesDir, files, zone: new Zone(), signal });
  const newest = report.packages.toReversed().slice(0, MAX_DOWNLOADS);
  const paths = report.logs.map(({ path }) => path);
  const lines = await linesOf(new Set(newest.map(({ id }) => id)), paths, signal);
  const { baseMs, observedMs, margin, tipDecides, estimates } = report.advice;
  const found: LogEstimate = {
    log,
    packages_dir: packagesDir,
    downloads: newest.map(({ id, size, endedMs, elapsedMs, silenceMs }) => ({
      id,
      size,
      ended: utcTime(endedMs),
      elapsed_ms: elapsedMs,
      longest_silence_ms: silenceMs,
      lines: lines.get(id) ?? [],
    })),
    advice: {
      base_ms: baseMs,
      longest_silence_ms: observedMs,
      margin,
      tip_decides: tipDecides,
      estimates: estimates.map((one) => ({ size: one.size, silence_ms: one.silenceMs })),
    },
  };
  return redactDeep(found, known);
}

async function linesOf(
  ids: ReadonlySet<string>,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = new DownloadLines(ids);
  const joiner = new EntryJoiner();
  for (const path of paths) {
    await readTextLines(path, { line: (line) => lines.take(joiner.next(line)) }, signal);
  }
  lines.take(joiner.end());
  return lines.whole;
}

/** Collects the lines of these downloads. A line about a response belongs to every download that is running. */
class DownloadLines {
  readonly whole = new Map<string, readonly string[]>();
  readonly #ids: ReadonlySet<string>;
  readonly #running = new Map<string, string[]>();

  constructor(ids: ReadonlySet<string>) {
    this.#ids = ids;
  }

  take(entry: LogEntry | null): void {
    const step = entry === null ? null : readStep(entry.text);
    if (entry === null || step === null) return;
    if (step.kind === 'began' && this.#ids.has(step.id)) this.#running.set(step.id, []);
    const open = step.kind === 'response' ? [...this.#running.values()] : [this.#running.get(step.id) ?? []];
    for (const lines of open) if (lines.length < MAX_LINES) lines.push(`${entry.stamp}${entry.text}`);
    if (step.kind === 'acknowledged') this.#end(step.id);
  }

  #end(id: string): void {
    const lines = this.#running.get(id);
    if (lines === undefined) return;
    this.whole.set(id, lines);
    this.#running.delete(id);
  }
}

/** Where the log and the packages are, by the settings that a page shows. */
export function logPlacesIn(values: {
  readonly logging?: { readonly dir?: string };
  readonly updates?: { readonly packages_dir?: string };
}): { readonly log: string; readonly packagesDir: string } | null {
  const { dir } = values.logging ?? {};
  const { packages_dir: packagesDir } = values.updates ?? {};
  return dir === undefined || packagesDir === undefined ? null : { log: join(dir, LOG_NAME), packagesDir };
}

const LOG_NAME = 'sallyport.log';
