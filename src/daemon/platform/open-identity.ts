// Opens the identity of this host at the start, before the agent ID is used.
//
// Guarantees: a host that needs no identity makes no file and loads no module. If the identity cannot be opened, this
// is reported, and everything except activation continues.

import { join } from 'node:path';
import type { Environment } from '#config/places.ts';
import type { Settings } from '#config/settings.ts';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { HostIdentity } from '#platform/identity/identity.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';

const IDENTITY_FILE = 'identity.json';
/** What the platform sent to the other host: commands that wait, results, requests for support logs, and advice. */
const COPIED = ['inbox', 'platform-inbox.json', 'platform-requests.json', 'platform-advice.json'];

export interface IdentityParts {
  readonly files: Files;
  readonly stateDir: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly environment: Environment;
  readonly known: KnownSecrets;
}

/** Whether licenses are accepted on this host, so that it can be activated. */
export function usesActivation({ activation }: Pick<Settings, 'activation'>): boolean {
  return activation.license_keys.length > 0 || activation.license_keys_target !== undefined;
}

/** Whether this host presents itself to a server by its identity. */
export function needsIdentity(settings: Pick<Settings, 'activation' | 'platform'>): boolean {
  return settings.platform.enabled || usesActivation(settings);
}

/** Opens the identity. `findings`: what was wrong with it. @throws CodedError IDENTITY-KEY, STATE-UNREADABLE, FILE-* */
export async function openIdentity({
  files,
  stateDir,
  clock,
  environment,
  known,
}: IdentityParts): Promise<{ identity: HostIdentity; findings: CodedError[] }> {
  const { HostIdentity, IDENTITY_CREDENTIAL } = await import('#platform/identity/identity.ts');
  const folder = environment['CREDENTIALS_DIRECTORY'] ?? '';
  return await HostIdentity.open({
    files,
    path: join(stateDir, IDENTITY_FILE),
    credential: folder === '' ? null : join(folder, IDENTITY_CREDENTIAL),
    now: () => clock.now(),
    cloned: () => keepCopiesAside(files, stateDir),
    keepSecret: (text) => known.add(text),
  });
}

/** The identity of a host that needs one or has one; null for every other host. Never throws coded errors. */
export async function identityAtStart(
  parts: IdentityParts & { readonly settings: Settings; readonly agentId: string; readonly report: Report },
): Promise<HostIdentity | null> {
  const { files, stateDir, settings, agentId, report } = parts;
  const isNeeded = needsIdentity(settings);
  if (!isNeeded && (await files.facts(join(stateDir, IDENTITY_FILE))) === null) return null;
  try {
    const { identity, findings } = await openIdentity(parts);
    for (const error of findings) reportFinding(report, error);
    if (isNeeded && !identity.isUnstored) await identity.ensure(agentId);
    return identity;
  } catch (thrown) {
    report({ name: 'identity-unusable', error: asCoded(thrown) });
    return null;
  }
}

/** What the platform sent belongs to the other host. It is kept under another name. */
async function keepCopiesAside(files: Files, stateDir: string): Promise<void> {
  for (const name of COPIED) {
    const path = join(stateDir, name);
    if ((await files.facts(path)) === null) continue;
    let aside = `${path}.cloned`;
    for (let number = 2; (await files.facts(aside)) !== null; number += 1) aside = `${path}.cloned.${number}`;
    await files.rename(path, aside);
  }
  await files.syncDirectory(stateDir);
}

export function reportFinding(report: Report, error: CodedError): void {
  if (error.code === 'IDENTITY-CLONED') report({ name: 'identity-cloned', error });
  else if (error.code === 'IDENTITY-UNSTORED') report({ name: 'identity-unusable', error });
  else report({ name: 'state-set-aside', error });
}
