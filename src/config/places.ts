// Where things are when nobody says otherwise: the folders of a service where Sallyport is installed, folders beside
// the code when it runs from a checkout. Pure: environment and existence are given.
//
// A checkout is a root with package.json and src/main.ts in it; an installed Sallyport is a bundle and has neither.

import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Variables by name, such as those of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Default places, all absolute. */
export interface Places {
  readonly config: string;
  readonly packagesDir: string;
  readonly logsDir: string;
  readonly stateDir: string;
  readonly controlSocket: string;
  /** What an admin should be told about these, one sentence each. */
  readonly remarks: readonly string[];
}

/** The longest path that a unix socket can have everywhere, in bytes: 108 on Linux, 104 elsewhere, with a reserve. */
export const LONGEST_SOCKET_PATH = 100;

interface Surroundings {
  /** The folder that holds the program. */
  readonly root: string;
  readonly environment: Environment;
  readonly exists: (path: string) => boolean;
}

/** Finds the default places. */
export function findPlaces({ root, environment, exists }: Surroundings): Places {
  const isCheckout = exists(join(root, 'package.json')) && exists(join(root, 'src', 'main.ts'));
  return isCheckout ? placesInCheckout(root) : placesInstalled(environment);
}

function placesInstalled(environment: Environment): Places {
  const stateDir = firstFolder(environment['STATE_DIRECTORY']) ?? '/var/lib/sallyport';
  const runtimeDir = firstFolder(environment['RUNTIME_DIRECTORY']) ?? '/run/sallyport';
  return withSocket({
    config: '/etc/sallyport/sallyport.yaml',
    packagesDir: join(stateDir, 'packages'),
    logsDir: firstFolder(environment['LOGS_DIRECTORY']) ?? '/var/log/sallyport',
    stateDir,
    controlSocket: join(runtimeDir, 'control.sock'),
  });
}

function placesInCheckout(root: string): Places {
  return withSocket({
    config: join(root, 'config', 'sallyport.yaml'),
    packagesDir: join(root, 'packages'),
    logsDir: join(root, 'logs'),
    stateDir: join(root, 'state'),
    controlSocket: join(root, 'state', 'control.sock'),
  });
}

/** A socket path that is too long for the system is replaced by a short one that is the same at every start. */
function withSocket(places: Omit<Places, 'remarks'>): Places {
  if (Buffer.byteLength(places.controlSocket) <= LONGEST_SOCKET_PATH) return { ...places, remarks: [] };
  const digest = createHash('sha256').update(places.controlSocket).digest('hex').slice(0, 16);
  const controlSocket = join(tmpdir(), `sallyport-${digest}.sock`);
  const remark =
    `The path of the control socket would be longer than ${LONGEST_SOCKET_PATH} bytes; ` +
    `it is ${controlSocket} instead. daemon.control_socket sets another.`;
  return { ...places, controlSocket, remarks: [remark] };
}

/** systemd joins several folders with colons; the first is the main one. */
function firstFolder(value: string | undefined): string | null {
  const first = value?.split(':')[0] ?? '';
  return isAbsolute(first) ? first : null;
}
