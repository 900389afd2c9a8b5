// A mark identifies the network path of the uploads of a purpose. It is stored, so that the daemon notices after a
// restart that the path has changed. On another path, content that a scanner blocked may pass.
//
// Guarantees: the mark depends on the URL, the profiles of the route with their passwords, and the content of local PAC
// files, but not on the content behind `pac.url`. It reveals no password, because each mark has its own random key.

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
