// The commands that answer "is it the proxy?". Each asks the running daemon, or works in this process where none runs. `main.ts`
// hands in the parts.

import { type Diagnoser, diagnoseCommand } from '#cli/diagnose.ts';
import { type EndpointForm, endpointsCommand } from '#cli/endpoints.ts';
import type { FoundDaemon } from '#cli/find-daemon.ts';
import { printProblems } from '#cli/settings/config.ts';
import { printAnsweringDaemon } from '#cli/terminal/answering-daemon.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Problem } from '#config/problem.ts';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import type { Control, Diagnosis } from '#control/control.ts';
import type { EndpointList } from '#control/endpoints.ts';
import { CodedError } from '#errors/coded-error.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';
import type { Globals } from './program-hooks.ts';
import type { NetworkActions } from './program-network.ts';

/** Why no diagnosis can begin: one error, and every mistake where it is the file. */
export interface Obstacle {
  readonly error: CodedError;
  readonly problems?: readonly Problem[];
}

export interface NetworkActionParts {
  readonly terminal: Terminal;
  readonly redactor: Redactor;
  /** The variables of this process that name proxies. */
  readonly shell: Readonly<Record<string, string>>;
  /** The daemon of the file that runs, and what is in the file. */
  findDaemon(globals: Globals): Promise<FoundDaemon & { loaded: LoadResult }>;
  /** Reads the file for who uses no secret. */
  load(globals: Globals): Promise<LoadResult>;
  openInProcess(globals: Globals, loaded: LoadedSettings): Promise<Control>;
  /** Composes nothing, and uses no secret. */
  endpointsOfFile(loaded: LoadedSettings): Promise<EndpointList>;
  /** The obstacle in the form of a diagnosis. */
  undiagnosed(globals: Globals, why: Obstacle): Promise<Diagnosis>;
  readonly signal: AbortSignal;
}

/** Each command by the name that the program calls it. */
export function networkActions(parts: NetworkActionParts): NetworkActions {
  const { terminal, shell, signal } = parts;
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
    printAnsweringDaemon(terminal, socket);
    return endpointsCommand(await control.endpoints(), terminal, form);
  }
  const loaded = await parts.load(globals);
  if (!loaded.ok) return printProblems(terminal, loaded);
  return endpointsCommand(redactDeep(await parts.endpointsOfFile(loaded), redactor), terminal, form);
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
    if (found === null && !loaded.ok) return await use(unavailable(loaded, parts, globals));
    if (other !== null) throw other;
    if (found !== null) printAnsweringDaemon(parts.terminal, socket);
    control = found ?? (await parts.openInProcess(globals, loaded as LoadedSettings));
  } catch (thrown) {
    if (!(thrown instanceof CodedError) || thrown.code === 'INTERNAL' || parts.signal.aborted) throw thrown;
    return await use(unavailable({ error: thrown }, parts, globals));
  }
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

/** Answers with why nobody can be asked. */
function unavailable(why: Obstacle, parts: NetworkActionParts, globals: Globals): Diagnoser {
  return {
    retryCredentials: () => Promise.resolve(),
    diagnose: () => parts.undiagnosed(globals, why),
  };
}
