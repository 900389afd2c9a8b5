// Checks the rules between the keys of uploads: the policy, the scheme of each URL, requests from the platform, and the
// redaction rules of the admin. Pure.

import type { Finding } from '#config/problem.ts';
import { isLoopbackUrl } from '#config/schema/values.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

const UPLOAD_PURPOSES = ['support_logs', 'exposure_analytics', 'telemetry'] as const;

/** The findings about uploads that need no expression to be compiled. */
export function checkUploads(settings: Salvaged): Finding[] {
  return [
    ...UPLOAD_PURPOSES.flatMap((purpose) => [...checkPolicy(purpose, settings), ...checkScheme(purpose, settings)]),
    ...checkPlatformRequests(settings),
    ...checkRuleNames(settings),
  ];
}

/** Forbidding uploads is intended, so an enabled purpose is only a warning. */
function checkPolicy(purpose: (typeof UPLOAD_PURPOSES)[number], settings: Salvaged): Finding[] {
  if (settings.uploads_allowed !== false || settings[purpose]?.enabled !== true) return [];
  const message = 'Nothing is sent while uploads_allowed is false (POLICY-UPLOADS).';
  return [{ ...warning([purpose, 'enabled'], message), at: 'key' }];
}

/** Files of earlier versions may have another scheme. They load as long as nothing is sent. */
function checkScheme(purpose: (typeof UPLOAD_PURPOSES)[number], settings: Salvaged): Finding[] {
  const { url: text, enabled } = settings[purpose] ?? {};
  if (text === undefined || !URL.canParse(text)) return [];
  const url = new URL(text);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackUrl(url))) return [];
  const message = 'Uploads need a URL that begins with https://. http:// is accepted only for this host.';
  const make = enabled === true ? error : warning;
  return [make([purpose, 'url'], message, url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin)];
}

function checkPlatformRequests({ support_logs: section }: Salvaged): Finding[] {
  if (section?.allow_until === undefined || section.on_platform_request === 'allow') return [];
  const message = 'This key has no effect, because on_platform_request is not allow.';
  return [{ ...warning(['support_logs', 'allow_until'], message), at: 'key' }];
}

/** The manifest counts what a rule masks under its name. */
function checkRuleNames({ support_logs: section }: Salvaged): Finding[] {
  const names = (section?.redaction ?? []).map((rule) => rule?.name);
  return names.flatMap((name, index) =>
    name === undefined || names.indexOf(name) === index
      ? []
      : [error(['support_logs', 'redaction', index, 'name'], 'Another rule already has this name.', name)],
  );
}

/** Compiles the admin's rules, so that an error is reported before a bundle is made. The engine is loaded for them only. */
export async function checkRedactionPatterns({ support_logs: section }: Salvaged): Promise<Finding[]> {
  const rules = section?.redaction ?? [];
  if (rules.length === 0) return [];
  const { validatePattern } = await import('#redaction/linear-pattern.ts');
  return rules.flatMap((rule, index) => {
    const reason = rule?.pattern === undefined ? null : validatePattern(rule.pattern);
    const path = ['support_logs', 'redaction', index, 'pattern'];
    return reason === null ? [] : [error(path, `This pattern cannot be used: ${reason}.`, rule?.pattern)];
  });
}
