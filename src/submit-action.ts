// The command `submit`: opens its inputs, and chooses whether documents are sent to a daemon or written to the drop
// directory.

import { join } from 'node:path';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { SubmitActions } from '#cli/program/program-submit.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { DROP_DIRECTORY, DROP_MARKER, type Places, placesOfDaemon, socketsOf } from '#config/places.ts';
import type { LoadResult } from '#config/reading/load.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import { systemClock, systemRandom } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';

export interface SubmitActionParts {
  readonly terminal: Terminal;
  readonly known: Redactor;
  readonly places: Places;
  readonly signal: AbortSignal;
  /** The absolute path of the configuration file. */
  fileOf(globals: Globals): string;
  load(globals: Globals): Promise<LoadResult>;
}

/** The command, under the name that the program calls. */
export function submitAction(parts: SubmitActionParts): SubmitActions {
  return {
    submit: async (globals, options) => {
      const { submitCommand } = await import('#cli/submit.ts');
      const { submitDocuments } = await import('#control/submit-client.ts');
      const { openInput } = await import('#system/process/input-file.ts');
      const { uploadsRefused } = await import('#uploads/upload-gate.ts');
      const { terminal, known, signal, places } = parts;
      // A program that hands in documents may not be allowed to read the configuration.
      const loaded = await parts.load(globals);
      const daemon = loaded.ok
        ? loaded.settings.daemon
        : (loaded.daemon ?? placesOfDaemon(parts.fileOf(globals), undefined, places));
      const { submit: socket } = socketsOf(daemon);
      const target = { path: socket, stateDir: daemon.state_dir, self: process.geteuid?.() ?? 0, files: realFiles };
      const dir = loaded.ok ? loaded.settings.exposure_analytics.drop_dir : await findDropDirectory();
      return await submitCommand(
        terminal,
        {
          known,
          socket,
          refusal: loaded.ok ? uploadsRefused('exposure_analytics', loaded.settings) : null,
          open: async (name) =>
            name === '-'
              ? { name, size: null, chunks: () => terminal.answers.bytes(), close: () => Promise.resolve() }
              : { name, ...(await openInput(name)) },
          send: (source, onSent) => submitDocuments(target, { source, signal, onSent }),
          leave: dir === undefined ? null : (source) => leave(dir, source),
          monotonic: () => systemClock.monotonic(),
        },
        options,
      );
    },
  };
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
