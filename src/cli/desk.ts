// What every command that changes the configuration has in common: read it, change it, say what became of it, and whether
// a running daemon took it. The edits run here, with the rights of whoever calls; the daemon only reads the file.

import { type MadeChange, makeChange } from '#changes/make.ts';
import type { Reception, TakenState } from '#changes/reception.ts';
import type { Change } from '#config/apply-change.ts';
import type { LoadedSettings } from '#config/load.ts';
import { problemLine } from '#config/problem.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { tellProblems } from './config.ts';
import { type ConfirmFlags, tellRefused, tryFirst } from './confirm.ts';
import type { Desk } from './desk-parts.ts';
import { tellJson } from './json.ts';
import type { Terminal } from './terminal.ts';

/** Runs a command on the settings, or tells every mistake of the file. */
export async function withSettings(desk: Desk, use: (loaded: LoadedSettings) => Promise<number>): Promise<number> {
  const loaded = await desk.load();
  return loaded.ok ? await use(loaded) : tellProblems(desk.terminal, loaded);
}

/** For whoever chooses a proxy while none is used. */
export function switchedOff({ proxy_enabled: enabled }: LoadedSettings['settings']): string[] {
  return enabled ? [] : ['proxy_enabled is false: no proxy is used. To change that: sallyport proxy enable.'];
}

/** A change and how to tell it. */
export interface ToldChange extends Change {
  /** Sentences for a person, in the order of what they should know. */
  readonly told: readonly string[];
  /** More for JSON, such as the name of the profile. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly warnings?: readonly string[];
  readonly json: boolean;
  /** Whether it is tried first. */
  readonly confirm?: ConfirmFlags | undefined;
  /** Runs once the change is written. */
  readonly after?: (() => Promise<void>) | undefined;
}

/** Makes the change and tells it. Exit status: 0 when it is written, 78 when it is refused or held, here or by the daemon. */
export async function changeCommand(desk: Desk, loaded: LoadedSettings, change: ToldChange): Promise<number> {
  const { terminal } = desk;
  const { confirm = {}, json } = change;
  const tried = await tryFirst(desk, loaded, { change, confirm, json });
  if (tried.status !== null) {
    if (json) tellJson(terminal, { ...change.facts, file: loaded.file, changed: false, confirmation: tried.verdict });
    return tried.status;
  }
  const made = await makeChange(desk, loaded, change);
  if (made.state === 'refused') return tellRefused(terminal, made.refused);
  const { daemon } = made;
  if (daemon?.unreachable !== undefined) terminal.err(daemon.unreachable.message);
  const warnings = [...(change.warnings ?? []), ...made.warnings.map(problemLine)];
  if (json) {
    tellJson(terminal, {
      ...change.facts,
      file: loaded.file,
      changed: made.changed,
      ...(tried.verdict === null ? {} : { confirmation: tried.verdict }),
      secret_file: made.stored,
      removed_secret_files: made.removed,
      warnings,
      daemon: daemon?.taken ?? null,
      ...(daemon?.refusal === undefined ? {} : { refusal: daemon.refusal }),
    });
  } else {
    tellMade(terminal, made, { told: change.told, warnings, file: loaded.file });
    if (daemon !== null) tellTaken(terminal, daemon);
  }
  return daemon?.taken === 'refused' || daemon?.taken === 'held' ? EXIT_STATUS.config : EXIT_OK;
}

interface MadeWords {
  readonly told: readonly string[];
  readonly warnings: readonly string[];
  readonly file: string;
}

function tellMade(terminal: Terminal, made: MadeChange, { told, warnings, file }: MadeWords): void {
  for (const warning of warnings) terminal.err(`warning: ${warning}`);
  if (!made.changed) {
    terminal.out(`${showForeign(file)} says so already; nothing was written.`);
    return;
  }
  for (const sentence of told) terminal.out(sentence);
  if (made.stored !== null)
    terminal.out(`The password is in ${showForeign(made.stored)}, beside the configuration file.`);
  for (const one of made.removed) terminal.out(`Removed ${showForeign(one)}, which nothing refers to any more.`);
  for (const one of made.kept) {
    terminal.out(`${showForeign(one)} has the password of before and stays, for the settings that are in force.`);
  }
  terminal.out(`Written to ${showForeign(file)}.`);
}

const TAKEN: Readonly<Record<TakenState, string>> = {
  taken: 'The daemon has taken it; it counts from now on.',
  refused: 'The daemon refused it and goes on with the settings of before:',
  held: 'The daemon holds it and goes on with the settings of before (proxy_change is confirm). To have it: sallyport proxy confirm.',
  'no daemon': 'No daemon runs; it counts from the next start on.',
  'not yet': 'The daemon has not said that it took it. See: sallyport status.',
  'another file': 'The daemon that runs works with another file.',
};

function tellTaken(terminal: Terminal, { taken, refusal }: Reception): void {
  if (taken === 'refused' || taken === 'held') {
    terminal.err(TAKEN[taken]);
    terminal.err(`  ${refusal ?? ''}`);
  } else terminal.out(TAKEN[taken]);
}
