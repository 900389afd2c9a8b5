// `sallyport fetch`: fetches one file and prints the result.
//
// Guarantees: status 0 only if the file has its final name and, if a digest is known, that digest. With --json, one
// object is printed at the end, whatever the result was. Relies on `FetchParts` for the work.

import type { FetchArguments } from '#cli/program/program-fetch.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';
import { showDuration, showForeign, showSize } from '#errors/template.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Clock } from '#system/clock.ts';
import { type FetchProgress, FetchScreen, NO_SCREEN } from './fetch-screen.ts';

/** The file has its final name. */
export interface FetchDone {
  readonly bytes: number;
  readonly sha256: string;
  /** The digest is the one that was given. */
  readonly verified: boolean;
  /** The file was there before, so nothing was requested. */
  readonly existed: boolean;
  /** Bytes that earlier commands or attempts had left when the last attempt began. */
  readonly resumedFrom: number;
  /** Name of the proxy; null for a direct connection, or if nothing was requested. */
  readonly proxy: string | null;
  readonly via: string | null;
}

/** What is known of a fetch, whatever its result is. */
export interface FetchFacts {
  /** Absolute; null if the target could not be determined. */
  file: string | null;
  /** Where the proxies come from: a file, `environment`, or null before that is known. */
  configuration: string | null;
  attempts: number;
  /** Bytes that are kept for the next command after a failure. */
  keptBytes: number;
}

export interface FetchParts {
  readonly known: Redactor;
  readonly clock: Clock;
  /** @throws CodedError */
  run(
    options: FetchArguments,
    to: { readonly progress: FetchProgress; readonly facts: FetchFacts },
  ): Promise<FetchDone>;
}

/** Runs the command; returns its exit status. */
export async function fetchCommand(terminal: Terminal, parts: FetchParts, options: FetchArguments): Promise<number> {
  const { clock, known } = parts;
  const { json, quiet, url } = options;
  const facts: FetchFacts = { file: null, configuration: null, attempts: 0, keptBytes: 0 };
  const name = options.output ?? url.pathname.split('/').at(-1) ?? '';
  const screen = json || quiet ? NO_SCREEN : new FetchScreen({ terminal, known, clock, name: lastPart(name) });
  const startMs = clock.monotonic();
  let done: FetchDone | null = null;
  let error: CodedError | null = null;
  try {
    done = await parts.run(options, { progress: screen, facts });
  } catch (thrown) {
    error = asCoded(thrown);
  }
  screen.end();
  const elapsedMs = Math.round(clock.monotonic() - startMs);
  if (json) printJson(terminal, jsonOf({ options, facts, done, error, elapsedMs }, known));
  if (error !== null) {
    if (!json) printFailure(terminal, { error, facts, known });
    return EXIT_STATUS[error.entry.class];
  }
  if (!json && !quiet && done !== null) terminal.out(known.redact(sentenceOf(done, facts, elapsedMs)));
  return EXIT_OK;
}

function lastPart(path: string): string {
  return path.split('/').at(-1) ?? path;
}

function sentenceOf(done: FetchDone, { file }: FetchFacts, elapsedMs: number): string {
  const { bytes, sha256, verified, existed, resumedFrom } = done;
  const name = showForeign(file ?? '');
  if (existed) return `${name} already has sha256 ${sha256}. Nothing was requested.`;
  const resumed = resumedFrom === 0 ? '' : `, resumed from ${showSize(resumedFrom)}`;
  const digest = verified ? `sha256 verified` : `sha256 ${sha256}, not verified: no digest was given`;
  return `Stored ${name}: ${showSize(bytes)} in ${showDuration(elapsedMs)}${resumed}; ${digest}.`;
}

/** The advice of a full disk is about the daemon, whose settings do not apply to this command. */
function checkOf(error: CodedError): string {
  return error.code === 'DISK-FULL' ? 'Free some space, then repeat the command.' : error.check;
}

function printFailure(
  terminal: Terminal,
  { error, facts, known }: { readonly error: CodedError; readonly facts: FetchFacts; readonly known: Redactor },
): void {
  terminal.err(known.redact(error.message));
  terminal.err(known.redact(`  ${atHop(error.hop, error.entry.class)}${checkOf(error)}`));
  if (facts.keptBytes === 0 || facts.file === null) return;
  const kept = `${showSize(facts.keptBytes)} are kept in ${showForeign(facts.file)}.part.`;
  terminal.err(known.redact(`  ${kept} Repeat the command to resume.`));
}

function jsonOf(
  result: {
    readonly options: FetchArguments;
    readonly facts: FetchFacts;
    readonly done: FetchDone | null;
    readonly error: CodedError | null;
    readonly elapsedMs: number;
  },
  known: Redactor,
) {
  const { options, facts, done, error, elapsedMs } = result;
  return {
    url: known.redact(options.url.href),
    file: facts.file,
    bytes: done?.bytes ?? null,
    sha256: done?.sha256 ?? null,
    verified: done?.verified ?? false,
    existed: done?.existed ?? false,
    resumed_from: done?.resumedFrom ?? null,
    kept_bytes: error === null ? 0 : facts.keptBytes,
    attempts: facts.attempts,
    elapsed_ms: elapsedMs,
    configuration: facts.configuration,
    proxy: done?.proxy ?? null,
    via: done?.via ?? null,
    failure:
      error === null
        ? null
        : {
            code: error.code,
            class: error.entry.class,
            message: known.redact(error.safeText),
            check: known.redact(checkOf(error)),
            hop: error.hop,
          },
  };
}
