// Lists what a change does to the settings, key by key, and which of these keys another user has changed at the same
// time. Pure.
//
// Guarantees: no value of a secret is in a difference. Profiles are compared by name and not by number. If one is
// deleted, only this profile is in the list, and not all that follow it.

import type { Change } from '#config/editing/apply-change.ts';
import { partAt, valuesAfter } from '#config/editing/edit.ts';
import { isSection, type Plain } from '#config/editing/edit-render.ts';
import { type KeyPath, keyName } from '#config/problem.ts';
import { kindOf } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { mapLeaves } from '#config/tree.ts';
import { MASK } from '#redaction/secret.ts';
import type { ShownSettings } from './shown-settings.ts';

/**
 * One key before and after. Null before: it is not set and has no default, or its profile does not exist. Null after: it
 * is no longer set.
 */
export interface KeyDifference {
  readonly key: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** A key that another user changed in the meantime, or that both changed. `yours` is null if you did not change it. */
export interface KeyConflict {
  readonly key: string;
  readonly before: string | null;
  readonly theirs: string | null;
  readonly yours: string | null;
}

const NEW_PASSWORD = 'a new password';

/** What the change does to the settings that the page showed. */
export function differencesOf(shown: ShownSettings, { edits, secret }: Change): KeyDifference[] {
  const typed = secret === undefined ? [] : [{ kind: 'set', path: secret.path, value: NEW_PASSWORD } as const];
  const effective = leavesOf(shown.values);
  const changed = between(leavesOf(shown.inFile), leavesOf(valuesAfter(shown.inFile, [...edits, ...typed])));
  return changed.map((one) => ({ ...one, before: one.before ?? effective.get(one.key) ?? null }));
}

/** Theirs and yours by key. */
export function conflictsOf(shown: ShownSettings, now: ShownSettings, yours: readonly KeyDifference[]): KeyConflict[] {
  const own = new Map(yours.map((one) => [one.key, one]));
  const theirs = between(leavesOf(shown.values), leavesOf(now.values));
  const both = theirs.map(({ key, before, after }) => ({
    key,
    before,
    theirs: after,
    yours: own.get(key)?.after ?? null,
  }));
  const met = new Set(theirs.map(({ key }) => key));
  const only = yours.filter(({ key }) => !met.has(key));
  return [...both, ...only.map(({ key, before, after }) => ({ key, before, theirs: before, yours: after }))];
}

function between(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): KeyDifference[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  return keys
    .map((key) => ({ key, before: before.get(key) ?? null, after: after.get(key) ?? null }))
    .filter((one) => one.before !== one.after);
}

function leavesOf(values: Plain): Map<string, string> {
  const leaves = new Map<string, string>();
  mapLeaves(settingsSchema, values, (leaf, schema, path) => {
    const isNew = leaf === NEW_PASSWORD;
    leaves.set(namedKey(values, path), kindOf(schema) === 'secret' && !isNew ? MASK : textOf(leaf));
    return leaf;
  });
  return leaves;
}

/** `proxies.corp.port` for `proxies[0].port` */
function namedKey(values: Plain, path: KeyPath): string {
  const [section, index, ...rest] = path;
  if (section !== 'proxies' || typeof index !== 'number') return keyName(path);
  const profile = partAt(values, [section, index]);
  const name = isSection(profile) ? profile['name'] : undefined;
  return typeof name === 'string' ? `proxies.${name}.${keyName(rest)}` : keyName(path);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(', ');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
