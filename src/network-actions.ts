// The commands that answer "is it the proxy?" with real parts: a piece of `main.ts`, which hands in what it has made.

import { type Diagnoser, diagnoseCommand } from '#cli/diagnose.ts';
import { type EndpointForm, endpointsCommand } from '#cli/endpoints.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { NetworkActions } from '#cli/program/program-network.ts';
import { tellProblems } from '#cli/settings/config.ts';
import { tellAsked } from '#cli/terminal/asked.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Environment } from '#config/places.ts';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import { undiagnosed } from '#daemon/trial/undiagnosed.ts';
import { proxyVariables } from '#diagnose/shell.ts';
import { CodedError } from '#errors/coded-error.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import type { FoundDaemon } from './find-daemon.ts';
import { VERSION } from './version.ts';

export interface NetworkActionParts {
  readonly terminal: Terminal;
  readonly redactor: Redactor;
  /** The variables of this process. */
  readonly environment: Environment;
  /** The daemon of the file that runs, and what is in the file. */
  findDaemon(globals: Globals): Promise<FoundDaemon & { loaded: LoadResult }>;
  /** Reads the file for who uses no secret. */
  look(globals: Globals): Promise<LoadResult>;
  openHere(globals: Globals, loaded: LoadedSettings): Promise<Control>;
  /** Which file that is. */
  fileOf(globals: Globals): string;
  readonly signal: AbortSignal;
}

/** Each command by the name that the program calls it. */
export function networkActions(parts: NetworkActionParts): NetworkActions {
  const { terminal, environment, signal } = parts;
  const shell = proxyVariables(environment);
  return {
    diagnose: (globals, { purpose, secondOpinion, ...options }) =>
      withDiagnoser(parts, globals, (control) => {
        const purposes = purpose === undefined ? null : [purpose];
        const request = { purposes, shell, candidate: null, through: null, second_opinion: secondOpinion };
        return diagnoseCommand(control, terminal, { ...options, request, signal });
      }),
    testProxy: (globals, { name = 'default', secondOpinion, ...options }) =>
      withDiagnoser(parts, globals, (control) => {
        const request = { purposes: null, shell, candidate: null, through: name, second_opinion: secondOpinion };
        return diagnoseCommand(control, terminal, { ...options, request, signal });
      }),
    endpoints: (globals, form) => endpoints(parts, globals, form),
  };
}

/** Where no daemon of this file runs the file is read, and nothing is composed: whoever may read it may ask. */
async function endpoints(parts: NetworkActionParts, globals: Globals, form: EndpointForm): Promise<number> {
  const { terminal, redactor } = parts;
  const { socket, control } = await parts.findDaemon(globals);
  if (control !== null) {
    tellAsked(terminal, socket);
    return endpointsCommand(await control.endpoints(), terminal, form);
  }
  const loaded = await parts.look(globals);
  if (!loaded.ok) return tellProblems(terminal, loaded);
  const { endpointsOfFile } = await import('#daemon/answers/read-endpoints.ts');
  const list = await endpointsOfFile(loaded, { files: realFiles, clock: systemClock, version: VERSION });
  return endpointsCommand(redactDeep(list, redactor), terminal, form);
}

/** The running daemon, or this process; what stands in the way of both is an answer, too. */
async function withDiagnoser(
  parts: NetworkActionParts,
  globals: Globals,
  use: (control: Diagnoser) => Promise<number>,
): Promise<number> {
  let control: Control;
  try {
    const { loaded, socket, control: found, other } = await parts.findDaemon(globals);
    if (found === null && !loaded.ok) return await use(nobody(loaded, parts, globals));
    if (other !== null) throw other;
    if (found !== null) tellAsked(parts.terminal, socket);
    control = found ?? (await parts.openHere(globals, loaded as LoadedSettings));
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || thrown.code === 'INTERNAL' || parts.signal.aborted) throw thrown;
    return await use(nobody({ error: thrown }, parts, globals));
  }
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

/** Answers with why nobody can be asked. */
function nobody(
  why: Parameters<typeof undiagnosed>[0],
  { environment, redactor, fileOf }: NetworkActionParts,
  globals: Globals,
): Diagnoser {
  const shell = proxyVariables(environment);
  const about = { file: fileOf(globals), version: VERSION, nowMs: systemClock.now(), shell, redactor };
  return {
    retryCredentials: () => Promise.resolve(),
    diagnose: () => Promise.resolve(undiagnosed(why, about)),
  };
}
