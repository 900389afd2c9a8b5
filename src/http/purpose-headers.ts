// Makes the headers of every request: User-Agent, and the token and the configured headers of the purpose. The latter
// are added only if credentials may be sent to the target.

import type { Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';

/** Checks whether tokens and headers may go to the origin of a purpose. */
export interface TokenGuard {
  /** @throws CodedError TOKEN-REBIND */
  check(settings: Settings, purpose: Purpose): void;
}

export interface HeaderParts {
  readonly agent: { readonly version: string };
  readonly tokens: TokenGuard;
}

/** The value of `User-Agent` for servers and proxies (RFC 9110, 10.1.5). */
export function userAgentOf({ version }: { readonly version: string }): string {
  return `Sallyport/${version}`;
}

/**
 * With `credentials`, includes the secrets that were entered for the origin of the purpose. The caller ensures that the
 * request goes there.
 * @throws CodedError TOKEN-REBIND
 */
export function purposeHeaders(
  purpose: Purpose,
  settings: Settings,
  { agent, tokens, credentials }: HeaderParts & { readonly credentials: boolean },
): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': userAgentOf(agent) };
  if (!credentials) return headers;
  tokens.check(settings, purpose);
  const { headers: own, bearer_token: token } = settings[purpose];
  for (const [name, value] of Object.entries(own)) headers[name.toLowerCase()] = value.reveal();
  if (token !== undefined) headers['authorization'] = `Bearer ${token.reveal()}`;
  return headers;
}
