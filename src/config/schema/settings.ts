// The root of the configuration file: its sections in the order in which they are shown.

import { z } from 'zod';
import { control } from './control.ts';
import { daemon } from './daemon.ts';
import { endpoints } from './endpoints.ts';
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
import { timeZone } from './time-zone.ts';
import { updates } from './updates.ts';

export const settingsSchema = z
  .strictObject({
    version: describeKey(z.literal(1), {
      title: 'Version',
      description: 'The version of this format. Every file says it.',
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
    endpoints,
    logging,
    control,
    daemon,
  })
  .meta({ title: 'Sallyport', description: 'The configuration of Sallyport.' });

/** The settings as the file has them: secrets not yet resolved, paths as written. */
export type FileSettings = z.output<typeof settingsSchema>;
