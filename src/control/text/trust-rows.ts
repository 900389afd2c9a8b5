// Rows about why updates are trusted, for `status` and `trust status`. Pure.

import type { TrustRow } from '#control/updates/trust.ts';
import { showForeign } from '#errors/template.ts';
import { failureText, type Row, timeText } from './status-rows.ts';

/** Characters of a key ID or fingerprint that identify it on a screen. */
const SHORT_ID = 12;

/** The rows of the section in `status`, and of `trust status`. */
export function trustRows({ kind, signed, root, roles, replaced, warnings, problem }: TrustRow): Row[] {
  const rows: Row[] = [['trust', kindText(kind, signed)]];
  if (root !== null) {
    const checked = root.checked_at === null ? 'never' : timeText(root.checked_at);
    rows.push(['root', `version ${root.version}, fingerprint ${root.sha256}; from ${showForeign(root.file)}`]);
    rows.push(['new root', `last looked for: ${checked}`]);
    if (root.rotated !== null)
      rows.push(['rotated', `${timeText(root.rotated.at)}: version ${root.rotated.from} -> ${root.rotated.to}`]);
  }
  for (const { role, version, expires, threshold, signers } of roles) {
    const keys = signers.map(({ key, scheme }) => `${showForeign(key.slice(0, SHORT_ID))} (${showForeign(scheme)})`);
    const needed = `${threshold} needed`;
    rows.push([
      showForeign(role),
      `version ${version}, expires ${timeText(expires)}, signed by ${keys.join(', ')}; ${needed}`,
    ]);
  }
  if (replaced !== null) {
    const from = replaced.from === null ? 'none' : replaced.from.slice(0, SHORT_ID);
    rows.push([
      'replaced',
      `[TRUST-REPLACED] ${timeText(replaced.at)} by ${showForeign(replaced.by)}: root ${from} -> ${replaced.to.slice(0, SHORT_ID)}`,
    ]);
  }
  for (const warning of warnings) rows.push(['warning', showForeign(warning)]);
  if (problem !== null) rows.push(['problem', failureText(problem)]);
  return rows;
}

function kindText(kind: TrustRow['kind'], signed: boolean): string {
  if (kind === 'tuf') return 'tuf: the signatures of the vendor';
  return signed
    ? 'tls: the server of the feed, although this host has accepted a signed feed'
    : 'tls: the server of the feed';
}
