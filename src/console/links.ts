// What the console prints for the person who started it: the link, and the ssh command with which the link works on
// another machine. Pure.

import { KEY_MINUTES } from './server/link-keys.ts';
import type { ConsoleAddress } from './server/listening.ts';

/** The port on the person's own machine. */
const OWN_PORT = 8_743;
/** Names that a shell and ssh take as they are. */
const PLAIN_NAME = /^[A-Za-z0-9._][A-Za-z0-9._@\\-]{0,63}$/;
const PLAIN_PATH = /^[A-Za-z0-9._/-]+$/;
const SSH_PORT = 22;

/** The person's login to this host. */
export interface SshTarget {
  readonly user: string;
  readonly host: string;
  /** The port of the ssh server, if it is known. */
  readonly port: number | null;
}

/** The variables that say how a person came to this host. `sudo` keeps `SUDO_USER` and drops the others. */
export function sshTargetOf(
  environment: Readonly<Record<string, string | undefined>>,
  own: { readonly user: string; readonly host: string },
): SshTarget {
  const [, , , port = ''] = (environment['SSH_CONNECTION'] ?? '').split(' ');
  const user = environment['SUDO_USER'] ?? own.user;
  return {
    user: PLAIN_NAME.test(user) ? user : 'USER',
    host: PLAIN_NAME.test(own.host) ? own.host : 'HOST',
    port: /^\d{1,5}$/.test(port) && Number(port) !== SSH_PORT ? Number(port) : null,
  };
}

/** The command for the person's own machine, on one line. */
export function sshLine(address: ConsoleAddress, { user, host, port }: SshTarget): string {
  const target = address.kind === 'port' ? `127.0.0.1:${address.port}` : quoted(address.path);
  const other = port === null ? '' : ` -p ${port}`;
  return `ssh -N -L 127.0.0.1:${OWN_PORT}:${target}${other} ${user}@${host}`;
}

/** The lines with a link. */
export function linkLines(address: ConsoleAddress, target: SshTarget, key: string): readonly string[] {
  const link = (port: number) => `  http://127.0.0.1:${port}/#${key}`;
  const here = address.kind === 'port' ? ['On this host, open:', link(address.port)] : [];
  return [
    ...here,
    `${address.kind === 'port' ? 'From' : 'On'} your own machine, run this and leave it running:`,
    `  ${sshLine(address, target)}`,
    'Then open there:',
    link(OWN_PORT),
    `The link works once, within ${KEY_MINUTES} minutes.`,
  ];
}

function quoted(path: string): string {
  return PLAIN_PATH.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
