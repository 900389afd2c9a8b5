// What a request to the change service may do: only keys of an admin, and no use of a secret that its sender does not know.
// Pure.

import { isDeepStrictEqual } from 'node:util';
import type { Change } from '#config/editing/apply-change.ts';
import { type Edit, partAt, valuesAfter } from '#config/editing/edit.ts';
import { isList, isSection, type Plain } from '#config/editing/edit-render.ts';
import { requireSetter } from '#config/editing/setters.ts';
import { readDocument } from '#config/reading/document.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { movedUses } from '#config/reading/secret-uses.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import type { ServiceRequest } from './request.ts';

/** The change that a request asks for. @throws CodedError KEY-AUTHORITY, CHANGE-REQUEST */
export function changeOf({ edits, secret }: ServiceRequest, text: string): Change {
  const before = valuesOf(text);
  const changes = edits as readonly Edit[];
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
export function requireKept(before: LoadedSettings, after: LoadedSettings, request: ServiceRequest): void {
  const usesOf = ({ secretUses, inlineUses }: LoadedSettings) => [...secretUses, ...inlineUses];
  const given = [...request.edits.flatMap((edit) => ('value' in edit ? stringsIn(edit.value) : []))];
  if (request.secret !== null) given.push(request.secret.value);
  const [moved] = movedUses(usesOf(before), usesOf(after), given);
  if (moved !== undefined) throw coded('SECRET-NOT-IN-FORCE', { key: moved.key });
}

/**
 * Refuses to write anything else than what was tried. A password that came with the change is in the text that is tried,
 * and in a file of its own once it is written. @throws CodedError CONFIG-CHANGED
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

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (isList(value)) return value.flatMap(stringsIn);
  return isSection(value) ? Object.values(value).flatMap(stringsIn) : [];
}
