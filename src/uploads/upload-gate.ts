// Decides whether support logs, exposure analytics or telemetry may be collected and sent. It checks `uploads_allowed`,
// which only root sets, then `enabled`, and then whether there is a URL. Pure.
//
// Guarantees: nothing is sent before an admin enables a purpose. `uploads_allowed: false` forbids every upload,
// whatever the other settings are.

import type { Settings } from '#config/settings.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';

/** The purposes whose data waits in a spool until it is sent. */
export type UploadPurpose = 'support_logs' | 'exposure_analytics';

/** The purposes that send data of this host. */
export type SendingPurpose = UploadPurpose | 'telemetry';

const TITLES: Readonly<Record<SendingPurpose, string>> = {
  support_logs: 'support logs',
  exposure_analytics: 'exposure analytics',
  telemetry: 'telemetry',
};

export function isSendingPurpose(purpose: string): purpose is SendingPurpose {
  return Object.hasOwn(TITLES, purpose);
}

export function isUploadPurpose(purpose: string): purpose is UploadPurpose {
  return isSendingPurpose(purpose) && purpose !== 'telemetry';
}

/** Why nothing of this purpose may be collected or sent (POLICY-UPLOADS, UPLOADS-OFF); null if it may. */
export function uploadsRefused(
  purpose: SendingPurpose,
  settings: Pick<Settings, 'uploads_allowed' | SendingPurpose>,
): CodedError | null {
  const title = TITLES[purpose];
  const { enabled, url } = settings[purpose];
  if (!settings.uploads_allowed) return coded('POLICY-UPLOADS', {});
  if (!enabled) return coded('UPLOADS-OFF', { title, key: `${purpose}.enabled`, wanted: 'true' });
  return url === undefined ? coded('UPLOADS-OFF', { title, key: `${purpose}.url`, wanted: 'a URL' }) : null;
}
