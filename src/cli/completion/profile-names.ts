// The names of the proxy profiles in a configuration file, for shell completion. The schema is not loaded.

import { MAX_FILE_BYTES, readBounded } from '#config/reading/read-bounded.ts';

/** Empty if the file cannot be read by this user, or has errors. Never throws. */
export async function profileNames(file: string): Promise<string[]> {
  const value = await readMapping(file);
  const proxies = value['proxies'];
  if (!Array.isArray(proxies)) return [];
  const names = proxies.map((profile: unknown) => (isMapping(profile) ? profile['name'] : undefined));
  return names.filter((name) => typeof name === 'string');
}

/** `updates.packages_dir` as it is written; undefined if it is not set. Never throws. */
export async function packagesDirOf(file: string): Promise<string | undefined> {
  const { updates } = await readMapping(file);
  const dir = isMapping(updates) ? updates['packages_dir'] : undefined;
  return typeof dir === 'string' ? dir : undefined;
}

async function readMapping(file: string): Promise<Readonly<Record<string, unknown>>> {
  const read = await readBounded(file, MAX_FILE_BYTES);
  if (!read.ok) return {};
  const { readDocument } = await import('#config/reading/document.ts');
  const { value } = readDocument(Buffer.from(read.bytes).toString('utf8'));
  return isMapping(value) ? value : {};
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
