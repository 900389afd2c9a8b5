// The IDs of updates on this host, for shell completion: the published packages, and those that wait for publication.

import { dirname, resolve } from 'node:path';
import { type Places, socketsOf } from '#config/places.ts';
import { readDaemonPlaces } from '#config/reading/daemon-places.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { packagesDirOf } from './profile-names.ts';

/** How long to wait for a daemon, in milliseconds. */
const DAEMON_MS = 500;
const JAR = /^(?!\.)(.{1,128})\.jar$/;

/** What can be read within that time. Never throws. */
export async function updateIds(file: string, places: Places): Promise<string[]> {
  const found = await Promise.all([publishedIds(file, places), readyIds(file, places).catch(() => [])]);
  return [...new Set(found.flat())].toSorted();
}

async function publishedIds(file: string, { packagesDir }: Places): Promise<string[]> {
  const set = await packagesDirOf(file);
  const dir = set === undefined ? packagesDir : resolve(dirname(file), set);
  const names = await realFiles.list(dir).catch(() => []);
  return names.flatMap((name) => JAR.exec(name)?.[1] ?? []);
}

/** Those that a running daemon has ready. */
async function readyIds(file: string, places: Places): Promise<string[]> {
  const daemon = await readDaemonPlaces(file, places);
  if (daemon === null) return [];
  const { connectControl } = await import('#control/client.ts');
  const { STATUS_VERBS } = await import('#control/status.ts');
  const parts = { clock: IMPATIENT, files: realFiles, self: process.geteuid?.() ?? 0 };
  const found = await connectControl({ ...socketsOf(daemon), stateDir: daemon.state_dir }, parts, STATUS_VERBS);
  if (found === null) return [];
  await found.methods.close();
  return found.status.updates.ready.map(({ id }) => id);
}

/** The limits of the client are made for commands that people wait for. */
const IMPATIENT: Clock = {
  ...systemClock,
  after: (ms, callback, guards) => systemClock.after(Math.min(ms, DAEMON_MS), callback, guards),
};
