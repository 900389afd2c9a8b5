// Takes over the environment at start: what would change Node's trust or Node itself is refused or removed by name, and
// what was meant for this process alone is taken away, so that no child inherits it.
//
// The launchers (/usr/bin/sallyport, tools/) remove all of them and say so; whoever starts the program in another way is
// told. Most are refused, since Node has read them before our first line. An added authority alone is removed: every
// connection gives its own list of authorities (`src/proxy/tls/trust.ts`), so it has no effect, and many hosts set it.

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

/** Each turns verification off, adds options to Node, or writes the keys of connections to a file. */
const REFUSED = ['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_OPTIONS', 'SSLKEYLOGFILE'];
/** Adds an authority for connections that name none; ours all do. */
const REMOVED = 'NODE_EXTRA_CA_CERTS';

/** For this process alone: a child that knew the socket could speak for us, and credentials are ours to read. */
const OURS_ALONE = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'CREDENTIALS_DIRECTORY'];

/** A proxy may be named here, with user and password in its URL: for a profile that says so, and for nobody else. */
const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** The environment as the program uses it. */
export interface TakenEnvironment {
  /** ENVIRONMENT-REFUSED, for the first variable that must not be there; nothing may start then. */
  readonly refused: CodedError | null;
  /** The variable that was set and has no effect here, to be told; null when there is none. */
  readonly removed: string | null;
  /** A copy of everything, for those who read settings and secrets from it. */
  readonly environment: Readonly<Variables>;
  readonly service: ServiceVariables;
}

/** Judges `variables`, copies them, and takes what is ours alone out of them. */
export function takeEnvironment(variables: Variables, pid: number): TakenEnvironment {
  const variable = REFUSED.find((name) => (variables[name] ?? '') !== '');
  const refused = variable === undefined ? null : coded('ENVIRONMENT-REFUSED', { variable });
  const removed = (variables[REMOVED] ?? '') === '' ? null : REMOVED;
  delete variables[REMOVED];
  const environment = { ...variables };
  for (const name of [...OURS_ALONE, ...PROXIES]) delete variables[name];
  const socket = environment['NOTIFY_SOCKET'] ?? '';
  const service = { notifySocket: socket === '' ? null : socket, watchdogMs: watchdogOf(environment, pid) };
  return { refused, removed, environment, service };
}

/** sd_watchdog_enabled(3): the limit holds for the process whose number is given, where one is. */
function watchdogOf(environment: Readonly<Variables>, pid: number): number | null {
  const { WATCHDOG_PID: forPid, WATCHDOG_USEC: micros } = environment;
  if (forPid !== undefined && forPid !== String(pid)) return null;
  const limitMs = Number(micros ?? 0) / 1_000;
  return Number.isFinite(limitMs) && limitMs > 0 ? limitMs : null;
}
