// Reads only the paths of the daemon from a configuration file, for short commands that need no other key.
//
// Guarantees: the paths are the same as those of `load.ts`. The schema of all sections is not loaded, because this
// would take longer than the rest of such a command. Other sections are not checked here, because the daemon has
// checked them. Never throws.

import { dirname, resolve } from 'node:path';
import { type DaemonPlaces, type Places, placesOfDaemon } from '#config/places.ts';
import { MAX_FILE_BYTES, readBounded } from './read-bounded.ts';

const KEYS = ['state_dir', 'control_socket', 'admin_socket'] as const;

/**
 * The paths of the daemon of this file. The default paths if this user cannot read the file; null if its content must be
 * checked completely first.
 * @param file absolute path
 */
export async function readDaemonPlaces(file: string, places: Places): Promise<DaemonPlaces | null> {
  const read = await readBounded(file, MAX_FILE_BYTES);
  if (!read.ok) return read.kind === 'unreadable' ? placesOfDaemon(file, undefined, places) : null;
  const text = Buffer.from(read.bytes).toString('utf8');
  if (namesNone(text)) return placesOfDaemon(file, undefined, places);
  const { readDocument } = await import('./document.ts');
  const { value, findings } = readDocument(text);
  if (!isMapping(value) || findings.length > 0) return null;
  const section = value['daemon'] ?? {};
  if (!isMapping(section)) return null;
  const set: { -readonly [key in keyof DaemonPlaces]?: string } = {};
  for (const key of KEYS) {
    const path = section[key];
    if (path === undefined) continue;
    if (typeof path !== 'string' || path === '') return null;
    set[key] = resolve(dirname(file), path);
  }
  return placesOfDaemon(file, set, places);
}

/**
 * Whether a text cannot set any of the keys: YAML can write a name in another form only with a backslash. Most files set
 * none, and reading YAML takes longer than anything else that is done here.
 */
function namesNone(text: string): boolean {
  const lines = text.split(/[\r\n]/).filter((line) => !/^\s*#/.test(line));
  return !lines.some((line) => line.includes('\\') || KEYS.some((key) => line.includes(key)));
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
