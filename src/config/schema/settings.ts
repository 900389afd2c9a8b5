// The root of the configuration file: its sections in the order in which they are shown.

import { z } from 'zod';
import { PURPOSE_TABLE, type PurposeSections } from '#config/purposes.ts';
import { activation } from './activation.ts';
import { control, menu, metrics } from './control.ts';
import { daemon } from './daemon.ts';
import { describeKey } from './key.ts';
import { logging } from './logging.ts';
import {
  proxies,
  proxyChange,
  proxyEnabled,
  proxyRequired,
  rejectedCredentialRetryHours,
  useProxyFor,
} from './proxies.ts';
import { responseTimeout } from './response-timeout.ts';
import { retry } from './retry.ts';
import { timeZone, uploadsAllowed } from './root-keys.ts';

/** Updates come first in the file; the sections of the other purposes follow the proxies. */
const { updates, ...otherPurposes } = Object.fromEntries(
  PURPOSE_TABLE.map(({ name, section }) => [name, section]),
) as PurposeSections;

/** The version of the format that this program writes. It also reads the previous version. */
export const FORMAT_VERSION = 2;

export const settingsSchema = z
  .strictObject({
    version: describeKey(z.literal(FORMAT_VERSION), {
      title: 'Format version',
      description: 'Version of the format of this file. Required.',
      effect: 'now',
      setBy: 'root',
    }),
    time_zone: timeZone,
    updates,
    response_timeout: responseTimeout,
    retry,
    proxy_enabled: proxyEnabled,
    proxy_required: proxyRequired,
    proxy_change: proxyChange,
    rejected_credential_retry_hours: rejectedCredentialRetryHours,
    proxies,
    use_proxy_for: useProxyFor,
    uploads_allowed: uploadsAllowed,
    ...otherPurposes,
    activation,
    logging,
    control,
    menu,
    metrics,
    daemon,
  })
  .meta({ title: 'Sallyport', description: 'The configuration of Sallyport.' });

/** The settings as the file has them: secrets are not resolved, and paths are as written. */
export type FileSettings = z.output<typeof settingsSchema>;
