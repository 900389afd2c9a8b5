// The rows of an activation and of an identity, for `activation show`, `identity show` and `status`. Pure.

import type { ShownActivationState } from '#control/platform/activation.ts';
import { showForeign } from '#errors/template.ts';
import { type Row, timeText } from './status-rows.ts';

/** State, license and identity. */
export function activationRows(shown: ShownActivationState): Row[] {
  const { state, used, license, problem, renewal, identity } = shown;
  const rows: Row[] = [['state', used ? state : `${state}; no license is accepted (activation.license_keys is empty)`]];
  rows.push(...keyRows(shown));
  if (license !== null) {
    const { id, agent, site, not_before: from, expires, features } = license;
    rows.push([
      'license',
      `${showForeign(id)}, for ${agent === null ? `site ${showForeign(site ?? '')}` : 'this host'}`,
    ]);
    rows.push(['valid', `${timeText(from)} to ${timeText(expires)}`]);
    rows.push(['features', features.length === 0 ? 'none' : features.map(showForeign).join(', ')]);
  }
  if (problem !== null) rows.push(['problem', `[${problem.code}] ${problem.message} ${problem.check}`]);
  if (renewal !== null) rows.push(['renewal', `failed: [${renewal.code}] ${renewal.message}`]);
  return [...rows, ...identityRows(identity)];
}

/** Only for keys of the signed feed: configured ones are in the configuration. */
function keyRows({
  keys: { configured, target, from_target: count, read_at: at, failure },
}: ShownActivationState): Row[] {
  if (target === null) return [];
  const read = at === null ? 'not read yet' : `read ${timeText(at)}`;
  const rows: Row[] = [
    ['license keys', `${count} in target ${showForeign(target)} (${read}), ${configured} configured`],
  ];
  return failure === null ? rows : [...rows, ['', `[${failure.code}] ${failure.message} ${failure.check}`]];
}

/** Agent id and key. */
export function identityRows(identity: ShownActivationState['identity']): Row[] {
  if (identity === null) return [['identity', 'none yet; it is made when this host is activated']];
  const { agent, public_key: key, created_at: created, key_in: place, bound } = identity;
  return [
    ['agent', agent],
    ['public key', `${key} (Ed25519)`],
    ['private key', place === 'file' ? 'in the state folder' : 'in the systemd credential sallyport-identity'],
    ['made', timeText(created)],
    ['machine', bound ? 'bound to the machine ID of this host' : 'not bound: this host has no machine ID'],
  ];
}
