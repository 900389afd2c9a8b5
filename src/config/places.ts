// Where things are when nobody says otherwise: the folders of a service where Sallyport is installed, folders beside
// the code when it runs from a checkout. Pure: environment and existence are given.
//
// A checkout is a root with package.json and src/main.ts in it; an installed Sallyport is a bundle and has neither.

import { basename, dirname, extname, isAbsolute, join } from 'node:path';

/** Variables by name, such as those of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Default places, all absolute. */
export interface Places {
  readonly config: string;
  readonly packagesDir: string;
  readonly logsDir: string;
  readonly stateDir: string;
  readonly controlSocket: string;
}

/** In bytes: 104 where it is not Linux, with a reserve. Linux reaches a longer path by way of its open folder. */
export const MAX_SOCKET_PATH_BYTES = 100;
/** In bytes; what is left of the same beside `/proc/self/fd/NUMBER/`. */
export const MAX_SOCKET_NAME_BYTES = 80;

interface PlacesContext {
  /** The folder that holds the program. */
  readonly root: string;
  readonly environment: Environment;
  readonly exists: (path: string) => boolean;
}

/** Finds the default places. */
export function findPlaces(context: PlacesContext): Places {
  const checkout = findCheckout(context);
  return checkout === null ? placesInstalled(context.environment) : placesInCheckout(checkout);
}

/** The checkout that the program runs from; null where it is installed. */
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

/** Where a daemon keeps its state and listens, as far as its file says so. */
export interface DaemonPlaces {
  readonly state_dir: string;
  readonly control_socket: string;
  readonly admin_socket: string;
}

/**
 * Where the daemon of a file listens. The file of the service has its sockets in the runtime directory, which its group may
 * enter. Another file with a state folder of its own has them there, so that no other daemon answers for it.
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

/** The sockets of a daemon: one for each level of authority, and the one that version 0.1.0 had for its group. */
export interface SocketPaths {
  readonly admin: string;
  readonly operate: string;
  readonly look: string;
  readonly control: string;
}

/** All sockets of the daemon with these places. */
export function socketsOf({ control_socket: control, admin_socket: admin }: DaemonPlaces): SocketPaths {
  return { admin, operate: siblingSocket(control, 'operate'), look: siblingSocket(control, 'look'), control };
}

/** `look.sock`, or the name of the control socket with `-look`, so that two daemons can share a folder. */
function siblingSocket(control: string, level: 'admin' | 'operate' | 'look'): string {
  const extension = extname(control);
  const name = basename(control, extension);
  return join(dirname(control), name === 'control' ? `${level}${extension}` : `${name}-${level}${extension}`);
}

/** systemd joins several folders with colons; the first is the main one. */
function firstFolder(value: string | undefined): string | null {
  const first = value?.split(':')[0] ?? '';
  return isAbsolute(first) ? first : null;
}
