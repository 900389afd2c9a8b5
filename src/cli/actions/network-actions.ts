// The functions that `program.ts` calls for the commands that help to find out whether the proxy causes a problem. Each
// asks the running daemon, or runs in this process if no daemon is running. `sallyport.ts` passes in the parts that
// they need.

import type { Diagnoser, diagnoseCommand } from '#cli/diagnose.ts';
import type { EndpointForm } from '#cli/endpoints.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { NetworkActions } from '#cli/program/program-network.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Problem } from '#config/problem.ts';
import type { LoadedSettings, LoadResult } from '#config/reading/load.ts';
import type { Control, Diagnosis } from '#control/control.ts';
import type { EndpointList } from '#control/endpoints.ts';
import { CodedError } from '#errors/coded-error.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';

/** Why no diagnosis is possible: an error and, if the file is invalid, each of its problems. */
export interface NoDiagnosis {
  readonly error: CodedError;
  readonly problems?: readonly Problem[];
}

/** The daemon of a configuration file. */
export interface FoundControl {
  /** Null if the daemon is not running. */
  readonly control: Control | null;
  readonly socket: string;
  /** The failure if a daemon listens there that uses another file; null otherwise. */
  readonly other: CodedError | null;
  readonly loaded: LoadResult;
}

export interface NetworkActionParts {
  readonly terminal: Terminal;
  readonly redactor: Redactor;
  /** The environment variables of this process that name proxies. */
  readonly shell: Readonly<Record<string, string>>;
  /** The running daemon of the file, if any, and the content of the file. */
  findDaemon(globals: Globals): Promise<FoundControl>;
  /** Reads the file without its secrets. */
  load(globals: Globals): Promise<LoadResult>;
  openInProcess(globals: Globals, loaded: LoadedSettings): Promise<Control>;
  /** Lists the endpoints without starting anything and without secrets. */
  endpointsOfFile(loaded: LoadedSettings): Promise<EndpointList>;
  /** The obstacle as a diagnosis. */
  undiagnosed(globals: Globals, why: NoDiagnosis): Promise<Diagnosis>;
  readonly signal: AbortSignal;
}

/** The commands, under the names that the program calls. */
export function networkActions(parts: NetworkActionParts): NetworkActions {
  const { terminal, shell, signal } = parts;
  return {
    diagnose: (globals, { purpose, secondOpinion, ...options }) =>
      withDiagnoser(parts, globals, (control) => {
        const purposes = purpose === undefined ? null : [purpose];
        const request = { purposes, shell, candidate: null, through: null, second_opinion: secondOpinion };
        return diagnose(control, terminal, { ...options, request, signal });
      }),
    testProxy: (globals, { name = 'default', secondOpinion, ...options }) =>
      withDiagnoser(parts, globals, (control) => {
        const request = { purposes: null, shell, candidate: null, through: name, second_opinion: secondOpinion };
        return diagnose(control, terminal, { ...options, request, signal });
      }),
    endpoints: (globals, form) => endpoints(parts, globals, form),
  };
}

const diagnose: typeof diagnoseCommand = async (...given) => {
  const { diagnoseCommand: command } = await import('#cli/diagnose.ts');
  return await command(...given);
};

/** If no daemon of this file runs, only the file is read. Any user who can read it can list the endpoints. */
async function endpoints(parts: NetworkActionParts, globals: Globals, form: EndpointForm): Promise<number> {
  const { endpointsCommand } = await import('#cli/endpoints.ts');
  const { terminal, redactor } = parts;
  const { socket, control } = await parts.findDaemon(globals);
  if (control !== null) {
    const { printAnsweringDaemon } = await import('#cli/terminal/answering-daemon.ts');
    printAnsweringDaemon(terminal, socket);
    return endpointsCommand(await control.endpoints(), terminal, form);
  }
  const loaded = await parts.load(globals);
  if (!loaded.ok) {
    const { printProblems } = await import('#cli/settings/config.ts');
    return printProblems(terminal, loaded);
  }
  return endpointsCommand(redactDeep(await parts.endpointsOfFile(loaded), redactor), terminal, form);
}

/** Uses the running daemon or this process. If neither can make a diagnosis, the reason becomes the diagnosis. */
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
    if (found !== null) {
      const { printAnsweringDaemon } = await import('#cli/terminal/answering-daemon.ts');
      printAnsweringDaemon(parts.terminal, socket);
    }
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

/** Returns the reason, as a diagnosis, for every request. */
function unavailable(why: NoDiagnosis, parts: NetworkActionParts, globals: Globals): Diagnoser {
  return {
    retryCredentials: () => Promise.resolve(),
    diagnose: () => parts.undiagnosed(globals, why),
  };
}
