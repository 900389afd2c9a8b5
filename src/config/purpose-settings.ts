// Reads the settings of a purpose, in the same form for every purpose. Pure.

import { PURPOSES, type Purpose, purposeRow } from './purposes.ts';
import type { Effect } from './schema/key.ts';
import type { Settings } from './settings.ts';

/** The settings of all purposes. */
export type PurposeSettings = Pick<Settings, Purpose>;

/**
 * The URL of a purpose, whose origin its credentials belong to; undefined if none is configured. For a signed feed that
 * is the folder of the metadata. Accepts settings that are only partly valid.
 */
export function urlOf(settings: object, purpose: Purpose): string | undefined {
  const section = (settings as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>)[purpose];
  const url =
    section?.['trust'] === 'tuf'
      ? (section['tuf'] as { readonly metadata_url?: unknown } | undefined)?.metadata_url
      : section?.[purposeRow(purpose).urlKey];
  return typeof url === 'string' ? url : undefined;
}

/** Whether a purpose opens a WebSocket. The link to the platform does so by its mode, whatever the scheme of its URL. */
export function usesWebSocket(settings: PurposeSettings, purpose: Purpose): boolean {
  const section = settings[purpose];
  const url = urlOf(settings, purpose);
  if (url === undefined) return false;
  return 'mode' in section ? section.mode === 'websocket' : url.startsWith('wss:');
}

/** Whether a purpose is enabled. A purpose without the key `enabled` needs only its URL. */
export function isEnabled(settings: PurposeSettings, purpose: Purpose): boolean {
  const section = settings[purpose];
  return 'enabled' in section ? section.enabled : true;
}

/** The origins that a purpose may use in addition to the origin of its URL. */
export function allowedOriginsOf(settings: PurposeSettings, purpose: Purpose): readonly string[] {
  const section = settings[purpose];
  return 'allowed_origins' in section ? section.allowed_origins : [];
}

/** The keys of a purpose whose credentials are sent in requests. */
export function credentialKeysOf(settings: PurposeSettings, purpose: Purpose): string[] {
  const { headers, bearer_token: token } = settings[purpose];
  return [
    ...(token === undefined ? [] : [`${purpose}.bearer_token`]),
    ...(Object.keys(headers).length === 0 ? [] : [`${purpose}.headers`]),
  ];
}

/** These keys for every purpose, as a reloader that applies their changes lists them. */
export function effectsOfPurposes(keys: readonly string[]): Readonly<Record<string, Effect>> {
  return Object.fromEntries(
    PURPOSES.flatMap((purpose) => keys.map((key) => [`${purpose}.${key}`, 'next_transfer'] as const)),
  );
}
