// Finds out who uses the console, and what this person may do. This is decided again for each request, because the
// group of a socket, the mode of the configuration file and the daemon can change.

import { mayReplace } from '#config/editing/edit-file.ts';
import type { SocketPaths } from '#config/places.ts';
import type { ConsoleSession } from '#console/wire.ts';
import { wireFailure } from '#console/wire-failure.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { FileFacts, Files } from '#system/files.ts';
import { groupName } from '#system/process/group.ts';
import type { DaemonLink } from './daemon-link.ts';

/** The process and its user. */
export interface ConsoleUser {
  readonly uid: number;
  readonly name: string;
  /** All groups of the process. */
  readonly groups: readonly number[];
}

export interface ConsoleSessionParts {
  readonly user: ConsoleUser;
  readonly host: string;
  readonly version: string;
  readonly file: string;
  readonly changeSocket: string | null;
  readonly files: Files;
  readonly known: Redactor;
  readonly link: DaemonLink;
  /** The sockets of the daemon of the present configuration. */
  sockets(): Promise<Pick<SocketPaths, 'look' | 'operate'>>;
  readonly idleMinutes: number;
  readonly sshLine: string | null;
}

const SERVICE_GROUP = 'sallyport';
const ADMIN_GROUP = 'sallyport-admin';

/** The answer to `GET /api/session`. */
export async function readSession(parts: ConsoleSessionParts): Promise<ConsoleSession> {
  const { user, host, version, file, known, link, idleMinutes, sshLine } = parts;
  const [{ daemon, authority, error }, writes, group] = await Promise.all([
    link.state(),
    writerFor(parts),
    groupsOf(parts),
  ]);
  return {
    user: user.name,
    uid: user.uid,
    host,
    version,
    file,
    may: {
      look: authority !== null,
      operate: authority !== null && authority !== 'look',
      change: writes !== 'nobody',
    },
    group,
    authority,
    writes,
    daemon,
    problem: error === null ? null : wireFailure(error, known),
    idle_minutes: idleMinutes,
    ssh_line: sshLine,
  };
}

async function writerFor({ files, file, changeSocket, user }: ConsoleSessionParts): Promise<ConsoleSession['writes']> {
  if (await mayReplace(files, file)) return 'file';
  const facts = changeSocket === null ? null : await factsOrNull(files, changeSocket);
  return facts?.kind === 'socket' && mayConnect(facts, user) ? 'service' : 'nobody';
}

/** Whether the kernel lets this user connect to a socket: its owner, its group or everyone may write to it. Pure. */
function mayConnect({ owner, group, mode }: FileFacts, { uid, groups }: ConsoleUser): boolean {
  if (uid === 0) return true;
  if (owner === uid) return (mode & 0o200) !== 0;
  return (mode & (groups.includes(group) ? 0o020 : 0o002)) !== 0;
}

async function groupsOf({ files, sockets, changeSocket }: ConsoleSessionParts): Promise<ConsoleSession['group']> {
  const { look, operate } = await sockets();
  const [ofLook, ofOperate, ofChange] = await Promise.all([
    groupAt(files, look, SERVICE_GROUP),
    groupAt(files, operate, SERVICE_GROUP),
    changeSocket === null ? ADMIN_GROUP : groupAt(files, changeSocket, ADMIN_GROUP),
  ]);
  return { look: ofLook, operate: ofOperate, change: ofChange };
}

/** The group of a socket; the default one if the socket does not exist or the group has no name. */
async function groupAt(files: Files, path: string, byDefault: string): Promise<string> {
  const facts = await factsOrNull(files, path);
  if (facts === null) return byDefault;
  return (await groupName(facts.group).catch(() => null)) ?? String(facts.group);
}

/** A user who may not enter the folder learns nothing. */
async function factsOrNull(files: Files, path: string): Promise<FileFacts | null> {
  return await files.facts(path).catch(() => null);
}
