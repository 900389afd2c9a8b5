import { describe, expect, it } from 'vitest';
import { type TrustFacts, trustWarnings } from '#updates/signed/trust-warnings.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-30T12:00:00Z');

function rolesWarned(days: Readonly<Record<string, number>>, over: Partial<TrustFacts> = {}): string[] {
  const roles = Object.entries(days).map(([role, left]) => ({ role, expiresMs: NOW + left * DAY }));
  const facts = { roles, nowMs: NOW, succeededMs: NOW - DAY, hasFailed: false, ...over };
  return trustWarnings(facts).map((text) => /role (\S+)/.exec(text)?.[1] ?? text);
}

describe('warnings of expiry', () => {
  it('come 30 days before for root, targets and delegated roles', () => {
    expect(rolesWarned({ root: 29, targets: 29, 'team-b': 29 })).toEqual(['root', 'targets', 'team-b']);
    expect(rolesWarned({ root: 31, targets: 31 })).toEqual([]);
  });

  it('come for online roles after a failure with little life left', () => {
    const last = { succeededMs: NOW - 5 * DAY, hasFailed: true };
    expect(rolesWarned({ timestamp: 2, snapshot: 2 }, last)).toEqual(['timestamp', 'snapshot']);
    expect(rolesWarned({ timestamp: 3, snapshot: 4 }, last)).toEqual([]);
    expect(rolesWarned({ timestamp: 2, snapshot: 2 }, { ...last, hasFailed: false })).toEqual([]);
  });

  it('say that a role has expired', () => {
    const roles = [{ role: 'root', expiresMs: NOW - 1 }];
    const [text] = trustWarnings({ roles, nowMs: NOW, succeededMs: null, hasFailed: false });
    expect(text).toContain('expired');
  });
});
