// Checks the keys that allow a proxy to decrypt the TLS of a purpose. Pure.

import type { Finding } from '#config/problem.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

interface Condition {
  /** Null if it cannot be judged, because the key is invalid. */
  isMet(settings: Salvaged): boolean | null;
  readonly message: string;
}

/** What protects the content while TLS is decrypted. */
const CONDITIONS: Readonly<Partial<Record<Purpose, Condition>>> = {
  updates: {
    isMet: ({ updates }) => (updates?.trust === undefined ? null : updates.trust === 'tuf'),
    message: 'This key requires updates.trust: tuf. Without signed metadata, the proxy could publish any package.',
  },
  support_logs: {
    isMet: ({ support_logs: logs }) => (logs?.encrypt_to ?? []).length > 0,
    message: 'This key requires support_logs.encrypt_to. Without encryption, the proxy could read the support logs.',
  },
  exposure_analytics: {
    isMet: ({ exposure_analytics: analytics }) =>
      analytics?.accept_readable === undefined ? null : analytics.accept_readable,
    message: 'This key requires exposure_analytics.accept_readable: true, because the proxy can read the documents.',
  },
};

/** The findings about one purpose. */
export function checkInterception(settings: Salvaged): Finding[] {
  return PURPOSES.flatMap((purpose) => checkPurpose(purpose, settings));
}

function checkPurpose(purpose: Purpose, settings: Salvaged): Finding[] {
  const section = settings[purpose];
  const condition = CONDITIONS[purpose];
  if (section === undefined || condition === undefined) return [];
  const file = 'allow_interception_by' in section ? section.allow_interception_by : undefined;
  const sendsTokens = 'send_tokens_when_intercepted' in section && section.send_tokens_when_intercepted;
  if (file === undefined) {
    if (sendsTokens !== true) return [];
    const message = 'This key has no effect without allow_interception_by. Remove it.';
    return [{ ...warning([purpose, 'send_tokens_when_intercepted'], message), at: 'key' }];
  }
  const findings: Finding[] = [];
  const at = [purpose, 'allow_interception_by'] as const;
  if (condition.isMet(settings) === false) findings.push(error(at, condition.message, file));
  if (section.client_certificate !== undefined) {
    const message =
      'A proxy that decrypts TLS cannot pass on our client certificate. Remove client_certificate, or this key.';
    findings.push(error(at, message, file));
  }
  return findings;
}
