// Decides whether data of a purpose may be collected and sent. It checks `uploads_allowed`, which only root sets, then
// `enabled`, and then whether there is a URL. Pure.
//
// Guarantees: nothing is sent before an admin enables a purpose. `uploads_allowed: false` forbids every upload,
// whatever the other settings are.

import type { Settings } from '#config/settings.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';

/** The purposes that send data of this host. */
export type UploadPurpose = 'support_logs' | 'exposure_analytics';

const TITLES: Readonly<Record<UploadPurpose, string>> = {
  support_logs: 'support logs',
  exposure_analytics: 'exposure analytics',
};

export function isUploadPurpose(purpose: string): purpose is UploadPurpose {
  return Object.hasOwn(TITLES, purpose);
}

/** Why nothing of this purpose may be collected or sent (POLICY-UPLOADS, UPLOADS-OFF); null if it may. */
export function uploadsRefused(
  purpose: UploadPurpose,
  settings: Pick<Settings, 'uploads_allowed' | UploadPurpose>,
): CodedError | null {
  const title = TITLES[purpose];
  const { enabled, url } = settings[purpose];
  if (!settings.uploads_allowed) return coded('POLICY-UPLOADS', {});
  if (!enabled) return coded('UPLOADS-OFF', { title, key: `${purpose}.enabled`, wanted: 'true' });
  return url === undefined ? coded('UPLOADS-OFF', { title, key: `${purpose}.url`, wanted: 'a URL' }) : null;
}
