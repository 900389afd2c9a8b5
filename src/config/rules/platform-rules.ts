// Checks the rules between the keys of the section `platform`. Pure.

import type { Finding } from '#config/problem.ts';
import { isLoopbackUrl } from '#config/schema/values.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

const ENCRYPTED: ReadonlySet<string> = new Set(['wss:', 'https:']);

/** The findings about the link to the platform. */
export function checkPlatform(settings: Salvaged): Finding[] {
  return [...checkScheme(settings), ...checkReports(settings)];
}

/** Commands and reports are protected by TLS alone. */
function checkScheme({ platform: section }: Salvaged): Finding[] {
  const { url: text, enabled } = section ?? {};
  if (text === undefined || !URL.canParse(text)) return [];
  const url = new URL(text);
  if (ENCRYPTED.has(url.protocol) || isLoopbackUrl(url)) return [];
  const message =
    'The platform needs a URL that begins with wss:// or https://. ws:// and http:// are accepted only for this host.';
  const make = enabled === true ? error : warning;
  return [make(['platform', 'url'], message, `${url.protocol}//${url.host}`)];
}

/** A report is data that leaves this host, so the policy for uploads includes it. */
function checkReports({ platform: section, uploads_allowed: isAllowed }: Salvaged): Finding[] {
  if (isAllowed !== false || section?.enabled !== true || (section.report ?? 'none') === 'none') return [];
  const message = 'No report is sent while uploads_allowed is false (POLICY-UPLOADS).';
  return [{ ...warning(['platform', 'report'], message), at: 'key' }];
}
