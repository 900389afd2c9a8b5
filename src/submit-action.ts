// Runs `sallyport submit`: opens its inputs, and sends the documents to a running daemon or writes them to the drop
// directory. A submission to a running daemon is the common case, so the code for the other case is loaded later.

import { join, resolve } from 'node:path';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { SubmitActions } from '#cli/program/program-submit.ts';
import { submitCommand } from '#cli/submit.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import {
  type DaemonPlaces,
  DROP_DIRECTORY,
  DROP_MARKER,
  type Environment,
  type Places,
  placesOfDaemon,
  socketsOf,
} from '#config/places.ts';
import { readDaemonPlaces } from '#config/reading/daemon-places.ts';
import type { LoadResult } from '#config/reading/load.ts';
import { submitDocuments } from '#control/uploads/submit-client.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { systemClock, systemRandom } from '#system/clock.ts';
import { openInput } from '#system/process/input-file.ts';
import { realFiles } from '#system/real-files.ts';

export interface SubmitActionParts {
  readonly terminal: Terminal;
  readonly known: KnownSecrets;
  readonly environment: Environment;
  readonly places: Places;
  readonly signal: AbortSignal;
}

/** The command, under the name that the program calls. */
export function submitAction(parts: SubmitActionParts): SubmitActions {
  return {
    submit: async (globals, options) => {
      const { terminal, known, signal } = parts;
      const config = new SubmitConfig(parts, globals);
      const daemon = await config.daemon();
      const { submit: socket } = socketsOf(daemon);
      const target = { path: socket, stateDir: daemon.state_dir, self: process.geteuid?.() ?? 0, files: realFiles };
      return await submitCommand(
        terminal,
        {
          known: createRedactor(known),
          socket,
          refusal: () => config.refusal(),
          open: async (name) =>
            name === '-'
              ? { name, size: null, chunks: () => terminal.answers.bytes(), close: () => Promise.resolve() }
              : { name, ...(await openInput(name)) },
          send: (source, onSent) => submitDocuments(target, { source, signal, onSent }),
          leave: async (source) => {
            const dir = await config.dropDirectory();
            return dir === undefined ? null : await leave(dir, source);
          },
          monotonic: () => systemClock.monotonic(),
        },
        options,
      );
    },
  };
}

/** The configuration, of which a submission to a running daemon needs only where the daemon is. */
class SubmitConfig {
  readonly #parts: SubmitActionParts;
  /** Absolute. */
  readonly #file: string;
  #loading: Promise<LoadResult> | null = null;

  constructor(parts: SubmitActionParts, globals: Globals) {
    this.#parts = parts;
    this.#file = resolve(globals.config ?? parts.places.config);
  }

  async daemon(): Promise<DaemonPlaces> {
    const { places } = this.#parts;
    const found = await readDaemonPlaces(this.#file, places);
    if (found !== null) return found;
    const loaded = await this.#load();
    return loaded.ok ? loaded.settings.daemon : (loaded.daemon ?? placesOfDaemon(this.#file, undefined, places));
  }

  async refusal(): Promise<CodedError | null> {
    const { uploadsRefused } = await import('#uploads/upload-gate.ts');
    const loaded = await this.#load();
    return loaded.ok ? uploadsRefused('exposure_analytics', loaded.settings) : null;
  }

  async dropDirectory(): Promise<string | undefined> {
    const loaded = await this.#load();
    return loaded.ok ? loaded.settings.exposure_analytics.drop_dir : await findDropDirectory();
  }

  /** A program that hands in documents may not be allowed to read the configuration, or the credentials of the service. */
  #load(): Promise<LoadResult> {
    this.#loading ??= this.#loadNow();
    return this.#loading;
  }

  async #loadNow(): Promise<LoadResult> {
    const { loadSettings } = await import('#config/reading/load.ts');
    const { known, environment, places } = this.#parts;
    return await loadSettings({ file: this.#file, places, environment, known, mayLackCredentials: true });
  }
}

/** For a user who cannot read the configuration: the usual directory, if the daemon reads it. */
async function findDropDirectory(): Promise<string | undefined> {
  const marker = await realFiles.facts(join(DROP_DIRECTORY, DROP_MARKER)).catch(asCoded);
  return marker === null || marker instanceof Error ? undefined : DROP_DIRECTORY;
}

async function leave(dir: string, source: AsyncIterable<Uint8Array>) {
  const { dropDocuments } = await import('#uploads/analytics/drop-writer.ts');
  const { SubmissionRefused } = await import('#uploads/analytics/submission.ts');
  const name = `${systemClock.now()}-${process.pid}-${systemRandom().toString(36).slice(2)}.ndjson`;
  try {
    return await dropDocuments({ files: realFiles, dir, name }, source);
  } catch (thrown) {
    if (!(thrown instanceof SubmissionRefused)) throw asCoded(thrown);
    const wrong = { wrong: [...thrown.wrong], wrong_count: thrown.wrongCount };
    return { ok: false as const, error: thrown.coded(name), wrong };
  }
}
