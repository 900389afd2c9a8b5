// Takes over the environment at start: what would change Node's trust or Node itself is refused by name, and what was
// meant for this process alone is taken away, so that no child inherits it.
//
// The launchers (/usr/bin/sallyport, tools/) remove the refused variables and say so; whoever starts the program in
// another way is told. Removing them here would come too late: Node has read three of them before our first line.

import { type CodedError, coded } from '#errors/coded-error.ts';

/** The variables of a process. */
type Variables = Record<string, string | undefined>;

/** What the service manager told this process. */
export interface ServiceVariables {
  /** Where to send messages; null where nobody listens. */
  readonly notifySocket: string | null;
  /** The longest time without a sign of life; null where nobody asks for one. */
  readonly watchdogMs: number | null;
}

/** Each turns verification off, adds an authority, adds options to Node, or writes the keys of connections to a file. */
const REFUSED = ['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'SSLKEYLOGFILE'];

/** For this process alone: a child that knew the socket could speak for us, and credentials are ours to read. */
const OURS_ALONE = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'CREDENTIALS_DIRECTORY'];

/** The environment as the program uses it. */
export interface TakenEnvironment {
  /** ENVIRONMENT-REFUSED, for the first variable that must not be there; nothing may start then. */
  readonly refused: CodedError | null;
  /** A copy of everything, for those who read settings and secrets from it. */
  readonly environment: Readonly<Variables>;
  readonly service: ServiceVariables;
}

/** Judges `variables`, copies them, and takes what is ours alone out of them. */
export function takeEnvironment(variables: Variables, pid: number): TakenEnvironment {
  const variable = REFUSED.find((name) => (variables[name] ?? '') !== '');
  const refused = variable === undefined ? null : coded('ENVIRONMENT-REFUSED', { variable });
  const environment = { ...variables };
  for (const name of OURS_ALONE) delete variables[name];
  const socket = environment['NOTIFY_SOCKET'] ?? '';
  const service = { notifySocket: socket === '' ? null : socket, watchdogMs: watchdogOf(environment, pid) };
  return { refused, environment, service };
}

/** sd_watchdog_enabled(3): the limit holds for the process whose number is given, where one is. */
function watchdogOf(environment: Readonly<Variables>, pid: number): number | null {
  const { WATCHDOG_PID: forPid, WATCHDOG_USEC: micros } = environment;
  if (forPid !== undefined && forPid !== String(pid)) return null;
  const limitMs = Number(micros ?? 0) / 1_000;
  return Number.isFinite(limitMs) && limitMs > 0 ? limitMs : null;
}
