// The default paths: the folders of the service if Sallyport is installed, folders next to the code in a checkout.
// Pure: the caller supplies the environment and the check whether a path exists.
//
// A checkout is a folder that contains package.json and src/main.ts. An installed Sallyport is a bundle without both.

import { basename, dirname, extname, isAbsolute, join } from 'node:path';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The default paths, all absolute. */
export interface Places {
  readonly config: string;
  readonly packagesDir: string;
  readonly logsDir: string;
  readonly stateDir: string;
  readonly controlSocket: string;
}

/** Systems other than Linux allow 104 bytes; this is less. Linux reaches longer paths through their open folder. */
export const MAX_SOCKET_PATH_BYTES = 100;
/** For Linux: the space that is left after `/proc/self/fd/NUMBER/`. */
export const MAX_SOCKET_NAME_BYTES = 80;

/** The drop directory of exposure analytics that an installation makes. It is used only if the configuration names it. */
export const DROP_DIRECTORY = '/var/spool/sallyport';
/** A file in a drop directory, which exists while the daemon reads that directory. */
export const DROP_MARKER = 'accepting';

/** The path of `sallyport-change.socket`. It is not in /run/sallyport, which systemd removes when the service stops. */
export const CHANGE_SOCKET = '/run/sallyport-change.sock';

interface PlacesContext {
  /** The folder that contains the program. */
  readonly root: string;
  readonly environment: Environment;
  readonly exists: (path: string) => boolean;
}

/** Returns the default paths. */
export function findPlaces(context: PlacesContext): Places {
  const checkout = findCheckout(context);
  return checkout === null ? placesInstalled(context.environment) : placesInCheckout(checkout);
}

/** The checkout that the program runs from; null if it is installed. */
export function findCheckout({ root, exists }: Pick<PlacesContext, 'root' | 'exists'>): string | null {
  return exists(join(root, 'package.json')) && exists(join(root, 'src', 'main.ts')) ? root : null;
}

function placesInstalled(environment: Environment): Places {
  const stateDir = firstFolder(environment['STATE_DIRECTORY']) ?? '/var/lib/sallyport';
  const runtimeDir = firstFolder(environment['RUNTIME_DIRECTORY']) ?? '/run/sallyport';
  return {
    config: '/etc/sallyport/sallyport.yaml',
    packagesDir: join(stateDir, 'packages'),
    logsDir: firstFolder(environment['LOGS_DIRECTORY']) ?? '/var/log/sallyport',
    stateDir,
    controlSocket: join(runtimeDir, 'control.sock'),
  };
}

function placesInCheckout(root: string): Places {
  return {
    config: join(root, 'config', 'sallyport.yaml'),
    packagesDir: join(root, 'packages'),
    logsDir: join(root, 'logs'),
    stateDir: join(root, 'state'),
    controlSocket: join(root, 'state', 'control.sock'),
  };
}

/** The state folder and the sockets of a daemon, under the names of their configuration keys. */
export interface DaemonPlaces {
  readonly state_dir: string;
  readonly control_socket: string;
  readonly admin_socket: string;
}

/**
 * The state folder and the sockets for a configuration file. The sockets of the service are in the runtime directory,
 * which the group of the service can enter. A different file that sets its own state folder has them in that folder, so
 * that no other daemon answers its commands.
 */
export function placesOfDaemon(file: string, set: Partial<DaemonPlaces> | undefined, places: Places): DaemonPlaces {
  const stateDir = set?.state_dir ?? places.stateDir;
  const isService = file === places.config && dirname(places.controlSocket) !== places.stateDir;
  const byDefault =
    isService || stateDir === places.stateDir ? places.controlSocket : join(stateDir, basename(places.controlSocket));
  const control = set?.control_socket ?? byDefault;
  return {
    state_dir: stateDir,
    control_socket: control,
    admin_socket: set?.admin_socket ?? siblingSocket(control, 'admin'),
  };
}

/** The sockets of a daemon: one for each level of authority, that of version 0.1.0 for its group, and those for documents and metrics. */
export interface SocketPaths {
  readonly admin: string;
  readonly operate: string;
  readonly look: string;
  readonly control: string;
  /** Where programs hand in documents; there while exposure analytics are enabled. */
  readonly submit: string;
  /** Metrics for Prometheus; there while they are enabled. */
  readonly metrics: string;
}

/** All sockets of the daemon with these paths. */
export function socketsOf({ control_socket: control, admin_socket: admin }: DaemonPlaces): SocketPaths {
  return {
    admin,
    operate: siblingSocket(control, 'operate'),
    look: siblingSocket(control, 'look'),
    control,
    submit: siblingSocket(control, 'submit'),
    metrics: siblingSocket(control, 'metrics'),
  };
}

/** `look.sock` next to control.sock; otherwise `NAME-look.sock`, so that two daemons can share a folder. */
function siblingSocket(control: string, level: 'admin' | 'operate' | 'look' | 'submit' | 'metrics'): string {
  const extension = extname(control);
  const name = basename(control, extension);
  return join(dirname(control), name === 'control' ? `${level}${extension}` : `${name}-${level}${extension}`);
}

/** systemd separates several folders by colons; the first is the main one. */
function firstFolder(value: string | undefined): string | null {
  const first = value?.split(':')[0] ?? '';
  return isAbsolute(first) ? first : null;
}
