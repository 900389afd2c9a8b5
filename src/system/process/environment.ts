// Takes over the environment at the start. Variables that would change Node or the CAs that it trusts are refused, or
// removed and reported. Variables that are only for this process are removed, so that no child inherits them.
//
// The launchers (/usr/bin/sallyport, tools/) remove the first kind and say so. Without a launcher, most of them are
// refused here, because Node has already read them. A variable for additional CAs is only removed: many hosts set it,
// and it has no effect, because every connection passes its own list of CAs (`src/proxy/tls/trust.ts`).

import { type CodedError, coded } from '#errors/coded-error.ts';

/** The variables of a process. */
type Variables = Record<string, string | undefined>;

/** What the service manager passed to this process. */
export interface ServiceVariables {
  /** Where to send messages; null without a receiver. */
  readonly notifySocket: string | null;
  /** Maximum time between signs of life; null when none are required. */
  readonly watchdogMs: number | null;
}

/** Each turns verification off, adds options to Node, or writes the keys of connections to a file. */
const REFUSED = ['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_OPTIONS', 'SSLKEYLOGFILE'];
/** Adds a CA for connections that pass no list of CAs; all of ours pass one. */
const REMOVED = 'NODE_EXTRA_CA_CERTS';

/**
 * For this process only: a child with the socket could send messages in our name, and only we may read the
 * credentials.
 */
const NOT_INHERITED = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'CREDENTIALS_DIRECTORY'];

/** May name a proxy with user and password in its URL. Only a profile that refers to these variables may use them. */
const PROXIES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** The environment as the program uses it. */
export interface TakenEnvironment {
  /** ENVIRONMENT-REFUSED for the first variable that must not be set; the program must not start then. */
  readonly refused: CodedError | null;
  /** The variable that was set but has no effect here, to be reported; null when there is none. */
  readonly removed: string | null;
  /** A copy of all variables, from which settings and secrets are read. */
  readonly environment: Readonly<Variables>;
  readonly service: ServiceVariables;
}

/** Checks and copies `variables`, then removes from them those that no child may inherit. */
export function takeEnvironment(variables: Variables, pid: number): TakenEnvironment {
  const variable = REFUSED.find((name) => (variables[name] ?? '') !== '');
  const refused = variable === undefined ? null : coded('ENVIRONMENT-REFUSED', { variable });
  const removed = (variables[REMOVED] ?? '') === '' ? null : REMOVED;
  delete variables[REMOVED];
  const environment = { ...variables };
  for (const name of [...NOT_INHERITED, ...PROXIES]) delete variables[name];
  const socket = environment['NOTIFY_SOCKET'] ?? '';
  const service = { notifySocket: socket === '' ? null : socket, watchdogMs: watchdogOf(environment, pid) };
  return { refused, removed, environment, service };
}

/**
 * Such as `user 1000 (process 4711)`, or `root (process 4711, by sudo from ann)`. The change service and a process that
 * changes the file itself use the same words, so that a process recognizes its own change.
 */
export function processWords({ uid, pid }: { readonly uid: number; readonly pid: number }, sudoUser?: string): string {
  const bySudo = uid === 0 && sudoUser !== undefined && sudoUser !== '' ? `, by sudo from ${sudoUser}` : '';
  return `${uid === 0 ? 'root' : `user ${uid}`} (process ${pid}${bySudo})`;
}

/** sd_watchdog_enabled(3): the limit applies to the process with the given pid, if one is given. */
function watchdogOf(environment: Readonly<Variables>, pid: number): number | null {
  const { WATCHDOG_PID: forPid, WATCHDOG_USEC: micros } = environment;
  if (forPid !== undefined && forPid !== String(pid)) return null;
  const limitMs = Number(micros ?? 0) / 1_000;
  return Number.isFinite(limitMs) && limitMs > 0 ? limitMs : null;
}
