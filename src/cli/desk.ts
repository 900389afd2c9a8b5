// What every command that changes the configuration has in common: read it, change it, say what became of it, and whether
// a running daemon took it. The edits run here, with the rights of whoever calls; the daemon only reads the file.

import { applyChange, type Change, type Changed } from '#config/apply-change.ts';
import type { LoadedSettings } from '#config/load.ts';
import { problemLine } from '#config/problem.ts';
import type { Control } from '#control/control.ts';
import { asCoded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { wait } from '#system/clock.ts';
import { isSameFile } from './asked.ts';
import { tellProblems } from './config.ts';
import { type ConfirmFlags, tryChange } from './confirm.ts';
import type { Desk } from './desk-parts.ts';
import { tellJson } from './json.ts';
import type { Terminal } from './terminal.ts';

/** Whether the daemon works with what was written. */
type Taken = 'taken' | 'refused' | 'held' | 'no daemon' | 'not yet' | 'another file';

/** How long a daemon may take: it reads what stood still for 250 ms, and looks by itself every 10 s at the latest. */
const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 200;

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
export async function makeChange(desk: Desk, loaded: LoadedSettings, change: ToldChange): Promise<number> {
  const { terminal } = desk;
  const { confirm = {}, json } = change;
  const tried = await tryChange(desk, loaded, { change, confirm, json });
  if (tried.status !== null) {
    if (json) tellJson(terminal, { ...change.facts, file: loaded.file, changed: false, confirmation: tried.verdict });
    return tried.status;
  }
  const made = await applyChange(loaded, change, desk);
  if (!made.ok) {
    terminal.err(
      'With this change the file would be wrong; the lines are those that it would have. Nothing was written.',
    );
    return tellProblems(terminal, made.refused);
  }
  await change.after?.();
  const warnings = [...(change.warnings ?? []), ...newWarnings(loaded, made.loaded)];
  const daemon = made.changed ? await askDaemon(desk, made) : null;
  const removed = isOver(daemon, made) ? await made.tidy() : [];
  if (change.json) {
    tellJson(terminal, {
      ...change.facts,
      file: loaded.file,
      changed: made.changed,
      ...(tried.verdict === null ? {} : { confirmation: tried.verdict }),
      secret_file: made.stored,
      removed_secret_files: removed,
      warnings,
      daemon: daemon?.taken ?? null,
      ...(daemon?.refusal === undefined ? {} : { refusal: daemon.refusal }),
    });
  } else {
    tellMade(desk, { ...change, warnings }, { ...made, removed });
    if (daemon !== null) tellTaken(terminal, daemon);
  }
  return daemon?.taken === 'refused' || daemon?.taken === 'held' ? EXIT_STATUS.config : EXIT_OK;
}

type Made = Extract<Changed, { ok: true }>;

/** Whether nobody works with the settings of before any more, now or after a restart: then their passwords may go. */
function isOver(daemon: Asked | null, { loaded }: Made): boolean {
  if (daemon === null || daemon.taken === 'taken' || daemon.taken === 'another file') return true;
  return daemon.taken === 'no daemon' && loaded.settings.proxy_change !== 'confirm';
}

interface Tidied extends Made {
  readonly removed: readonly string[];
}

function tellMade({ terminal }: Desk, change: ToldChange, { changed, loaded, stored, orphans, removed }: Tidied): void {
  for (const warning of change.warnings ?? []) terminal.err(`warning: ${warning}`);
  if (!changed) {
    terminal.out(`${showForeign(loaded.file)} says so already; nothing was written.`);
    return;
  }
  for (const sentence of change.told) terminal.out(sentence);
  if (stored !== null) terminal.out(`The password is in ${showForeign(stored)}, beside the configuration file.`);
  for (const file of removed) terminal.out(`Removed ${showForeign(file)}, which nothing refers to any more.`);
  for (const file of orphans.filter((one) => !removed.includes(one))) {
    terminal.out(`${showForeign(file)} has the password of before and stays, for the settings that are in force.`);
  }
  terminal.out(`Written to ${showForeign(loaded.file)}.`);
}

/** Warnings that the file did not have before; places may have moved, so sentences are compared. */
function newWarnings(before: LoadedSettings, after: LoadedSettings): string[] {
  const known = new Set(before.warnings.map(({ message }) => message));
  return after.warnings.filter(({ message }) => !known.has(message)).map(problemLine);
}

interface Asked {
  readonly taken: Taken;
  /** The first mistake that the daemon found, or the failure that it holds the file for. */
  readonly refusal?: string;
}

/** Waits until the daemon has read what was written. A daemon that may not be asked is told as one that said nothing. */
async function askDaemon(desk: Desk, { loaded, writtenAtMs }: Made): Promise<Asked> {
  let control: Control | null = null;
  try {
    control = await desk.findDaemon();
    return control === null
      ? { taken: 'no daemon' }
      : await untilTaken(desk, control, { file: loaded.file, writtenAtMs });
  } catch (thrown) {
    if (asCoded(thrown).code === 'CONTROL-OTHER-FILE') return { taken: 'another file' };
    desk.terminal.err(asCoded(thrown).message);
    return { taken: 'not yet' };
  } finally {
    await control?.close();
  }
}

async function untilTaken(
  { clock, signal, files }: Desk,
  control: Control,
  { file, writtenAtMs }: { file: string; writtenAtMs: number },
): Promise<Asked> {
  const end = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const { config } = await control.status();
    if (!(await isSameFile(files, config.file, file))) return { taken: 'another file' };
    if (config.refused !== null && Date.parse(config.refused.at) >= writtenAtMs) {
      return { taken: 'refused', refusal: config.refused.first };
    }
    if (config.held !== null && Date.parse(config.held.since) >= writtenAtMs) {
      return { taken: 'held', refusal: `[${config.held.failure.code}] ${config.held.failure.message}` };
    }
    if (Date.parse(config.since) >= writtenAtMs) return { taken: 'taken' };
    if (clock.monotonic() >= end) return { taken: 'not yet' };
    await wait(clock, LOOK_EVERY_MS, signal);
  }
}

const TAKEN: Readonly<Record<Taken, string>> = {
  taken: 'The daemon has taken it; it counts from now on.',
  refused: 'The daemon refused it and goes on with the settings of before:',
  held: 'The daemon holds it and goes on with the settings of before (proxy_change is confirm). To have it: sallyport proxy confirm.',
  'no daemon': 'No daemon runs; it counts from the next start on.',
  'not yet': 'The daemon has not said that it took it. See: sallyport status.',
  'another file': 'The daemon that runs works with another file.',
};

function tellTaken(terminal: Terminal, { taken, refusal }: Asked): void {
  if (taken === 'refused' || taken === 'held') {
    terminal.err(TAKEN[taken]);
    terminal.err(`  ${refusal ?? ''}`);
  } else terminal.out(TAKEN[taken]);
}
