// Marks the path over which uploads of a purpose go, so that the daemon notices a change of it after a restart: content that
// a scanner blocked may then pass.
//
// Guarantees: a mark is the same as long as the URL, the profiles of the route with their passwords, and the content of
// their PAC files are the same. It reveals no password: each mark has its own random key. The content behind `pac.url` is
// not part of it.

import { createHmac, randomBytes } from 'node:crypto';
import { readBounded } from '#config/reading/read-bounded.ts';
import type { Settings } from '#config/settings.ts';
import { pacFilesOf, routeIdentity } from '#proxy/choosing/changed-routes.ts';
import type { UploadPurpose } from '#uploads/upload-gate.ts';

const KEY_BYTES = 16;
const MAX_PAC_BYTES = 1_048_576;

/** A mark of the present path, which can be stored. */
export async function pathMark(purpose: UploadPurpose, settings: Settings): Promise<string> {
  return await markWith(randomBytes(KEY_BYTES).toString('hex'), purpose, settings);
}

/** Whether the path is the one that was marked. */
export async function isMarkOf(mark: string, purpose: UploadPurpose, settings: Settings): Promise<boolean> {
  const [key = '', digest] = mark.split('.', 2);
  // Written by an earlier version.
  if (digest === undefined) return mark === routeIdentity(purpose, settings);
  return mark === (await markWith(key, purpose, settings));
}

async function markWith(key: string, purpose: UploadPurpose, settings: Settings): Promise<string> {
  const digestOf = (...parts: readonly (string | Uint8Array)[]) => {
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest('hex');
  };
  const route = routeIdentity(purpose, settings, (password) => digestOf('password', password));
  const scripts: string[] = [];
  for (const file of pacFilesOf(purpose, settings)) {
    const read = await readBounded(file, MAX_PAC_BYTES);
    scripts.push(read.ok ? digestOf(read.bytes) : 'unreadable');
  }
  return `${key}.${digestOf(JSON.stringify([route, scripts, settings[purpose].url ?? null]))}`;
}
