// Checks who may set a key by an edit from a menu, a console or the change service.
//
// Guarantees: each value that an edit sets, replaces or removes is checked by its own key, even if the edit names a
// whole section. Only root may set a key that is not in the schema, or the source of a secret (a file, a variable or a
// credential). Relies on `setBy` of the schema. Pure.

import { isDeepStrictEqual } from 'node:util';
import { type KeyPath, keyName } from '#config/problem.ts';
import { kindOf, type Setter } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keyFactsAt, mapLeaves, schemaAt } from '#config/tree.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { type Edit, parsePath, partAt, valuesAfter } from './edit.ts';
import { isList, isSection, type Plain } from './edit-render.ts';

/** One value of the file, at its key. */
export interface KeyValue {
  readonly path: KeyPath;
  /** Undefined if the key is removed. */
  readonly value: Plain | undefined;
}

/** The setters by rank: each one may also set the keys of the earlier ones. */
const RANKS: readonly Setter[] = ['operator', 'admin', 'root'];

const SETTER_NAMES: Readonly<Record<Setter, string>> = {
  operator: 'an operator, an admin or root',
  admin: 'an admin or root',
  root: 'root',
};
const HOW: Readonly<Record<Setter, string>> = {
  operator: 'as a member of the group sallyport-admin, or as root',
  admin: 'as a member of the group sallyport-admin, or as root',
  root: 'as root: run the same command with sudo, or edit the configuration file',
};
const HOW_SECRET = 'as root, or enter the value itself instead of naming a file, a variable or a credential';

/** Whether this setter may set this key to this value: null if so, otherwise KEY-AUTHORITY. */
export function checkSetter({ path, value }: KeyValue, setter: Setter): CodedError | null {
  const schema = schemaAt(settingsSchema, path);
  const isSource = schema !== undefined && kindOf(schema) === 'secret' && isSection(value);
  const facts = schema === undefined || isSource ? undefined : keyFactsAt(settingsSchema, path);
  const needed = facts?.setBy ?? 'root';
  if (RANKS.indexOf(setter) >= RANKS.indexOf(needed)) return null;
  return coded('KEY-AUTHORITY', {
    key: keyName(path),
    who: SETTER_NAMES[needed],
    how: isSource ? HOW_SECRET : HOW[needed],
  });
}

/** Checks every value that the edits change. @throws CodedError KEY-AUTHORITY for the first forbidden one */
export function requireSetter(before: Plain, edits: readonly Edit[], setter: Setter): void {
  let root = before;
  for (const edit of edits) {
    for (const changed of changedBy(root, edit)) {
      const refused = checkSetter(changed, setter);
      if (refused !== null) throw refused;
    }
    root = valuesAfter(root, [edit]);
  }
}

function changedBy(root: Plain, edit: Edit): KeyValue[] {
  const named = parsePath(edit.path);
  const list = partAt(root, named);
  const path = edit.kind === 'append' ? [...named, isList(list) ? list.length : 0] : named;
  const before = partAt(root, path);
  const after = edit.kind === 'remove' ? undefined : edit.value;
  const [old, now] = [leavesOf(path, before), leavesOf(path, after)];
  const changed = [...new Map([...old, ...now]).values()].map(({ path: key }) => ({
    path: key,
    value: now.get(keyName(key))?.value,
  }));
  // An unchanged secret counts as a change. Otherwise a setter could test guesses of it.
  const real = changed.filter(
    (one) => isSecretText(one) || !isDeepStrictEqual(old.get(keyName(one.path))?.value, one.value),
  );
  if (real.length > 0) return real;
  // An empty section or list has no values, so it is checked by its own key.
  return isDeepStrictEqual(before, after) ? [] : [{ path, value: after }];
}

function isSecretText({ path, value }: KeyValue): boolean {
  const schema = schemaAt(settingsSchema, path);
  return typeof value === 'string' && schema !== undefined && kindOf(schema) === 'secret';
}

/** The values below a path, by key name. */
function leavesOf(path: KeyPath, value: Plain | undefined): Map<string, KeyValue> {
  const leaves = new Map<string, KeyValue>();
  const schema = schemaAt(settingsSchema, path);
  const keep = (leaf: Plain | undefined, at: KeyPath) => leaves.set(keyName(at), { path: at, value: leaf });
  if (value === undefined) return leaves;
  if (schema === undefined) return keep(value, path);
  mapLeaves(schema, value, (leaf, _schema, at) => keep(leaf as Plain, at), path);
  return leaves;
}
