// Checks whether the change service may carry out a request. A request may set only keys that an admin may set. It may
// use a secret in a new way only if its sender knows the secret. Pure.

import { isDeepStrictEqual } from 'node:util';
import type { Change } from '#config/editing/apply-change.ts';
import { type Edit, partAt, valuesAfter } from '#config/editing/edit.ts';
import { isSection, type Plain } from '#config/editing/edit-render.ts';
import { requireNewNames } from '#config/editing/renamed-keys.ts';
import { requireSetter } from '#config/editing/setters.ts';
import { keyName } from '#config/problem.ts';
import { readDocument } from '#config/reading/document.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { movedUses } from '#config/reading/secret-uses.ts';
import { kindOf } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { mapLeaves } from '#config/tree.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { ServiceRequest } from './request.ts';

/** The change that a request asks for. @throws CodedError CONFIG-RENAMED, KEY-AUTHORITY, CHANGE-REQUEST */
export function changeOf({ edits, secret }: ServiceRequest, text: string): Change {
  const before = valuesOf(text);
  const changes = edits as readonly Edit[];
  // Otherwise an old name would be refused as a key that only root may set.
  requireNewNames(text, changes);
  if (secret === null) {
    requireSetter(before, changes, 'admin');
    return { edits: changes };
  }
  const { path, value } = secret;
  requireSetter(before, [...changes, { kind: 'set', path, value }], 'admin');
  const [section, index, key, ...rest] = path;
  const profile = partAt(valuesAfter(before, changes), path.slice(0, 2));
  const name = isSection(profile) ? profile['name'] : undefined;
  const isPassword = section === 'proxies' && typeof index === 'number' && key === 'password' && rest.length === 0;
  if (!isPassword || typeof name !== 'string') {
    throw coded('CHANGE-REQUEST', { reason: 'secret.path is not the password of a proxy' });
  }
  return { edits: changes, secret: { name, path, value: new Secret(value) } };
}

/** Refuses settings that use a secret in a new way. @throws CodedError SECRET-NOT-IN-FORCE */
export function requireKept(
  before: LoadedSettings,
  after: LoadedSettings,
  by: { readonly given: ReadonlySet<string>; readonly hasKerberos: boolean },
): void {
  const usesOf = ({ secretUses, inlineUses }: LoadedSettings) => [...secretUses, ...inlineUses];
  const [moved] = movedUses(usesOf(before), usesOf(after), by);
  if (moved !== undefined) throw coded('SECRET-NOT-IN-FORCE', { key: moved.key });
}

/** Stands for a secret that is already in the file. */
const KEPT: Plain = {};

/**
 * Keys, after the edits, of the secrets whose values the request contains. Values are not compared, so a request cannot
 * be used to test a guess.
 */
export function givenKeys({ edits, secret }: ServiceRequest, text: string): ReadonlySet<string> {
  const isSecret = (schema: Parameters<typeof kindOf>[0]) => kindOf(schema) === 'secret';
  const kept = mapLeaves(settingsSchema, valuesOf(text), (leaf, schema) => (isSecret(schema) ? KEPT : leaf));
  const typed: Edit[] = secret === null ? [] : [{ kind: 'set', path: secret.path, value: secret.value }];
  const given = new Set<string>();
  mapLeaves(
    settingsSchema,
    valuesAfter(kept as Plain, [...(edits as readonly Edit[]), ...typed]),
    (leaf, schema, path) => {
      // A reference does not count as given: a caller can name it without knowing the secret.
      if (isSecret(schema) && typeof leaf === 'string') given.add(keyName(path));
      return leaf;
    },
  );
  return given;
}

/**
 * Refuses to write anything except what was tried. A new password is compared separately: it is in the text that is
 * tried, but in a file of its own when it is written. @throws CodedError CONFIG-CHANGED
 */
export function requireTried(tried: string, written: string, { file, change }: { file: string; change: Change }): void {
  if (tried === written) return;
  const { secret } = change;
  const without = (text: string) =>
    secret === undefined ? text : valuesAfter(valuesOf(text), [{ kind: 'remove', path: secret.path }]);
  if (!isDeepStrictEqual(without(tried), without(written))) throw coded('CONFIG-CHANGED', { file });
}

function valuesOf(text: string): Plain {
  return (readDocument(text).value ?? null) as Plain;
}
