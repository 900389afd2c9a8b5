// Resolves every secret from its source: a file, a variable, a systemd credential, or the value in the configuration.
//
// Guarantees: a value is registered for masking before any error about it is reported, even if the file has other
// errors. No error repeats a value. A secret that other users can read, or that is too short to be masked, causes a
// warning.

import { resolve } from 'node:path';
import type { Environment } from '#config/places.ts';
import { type Finding, type KeyPath, keyName } from '#config/problem.ts';
import { kindOf } from '#config/schema/key.ts';
import type { SecretSource } from '#config/schema/leaves.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { validateNoControl } from '#config/schema/values.ts';
import { mapLeaves } from '#config/tree.ts';
import { type KnownSecrets, MIN_MASKED_LENGTH } from '#redaction/known-secrets.ts';
import { Secret } from '#redaction/secret.ts';
import { readBounded } from './read-bounded.ts';

const MAX_SECRET_BYTES = 65_536;
const OTHERS_MAY_READ = 0o004;
const GROUP_MAY_READ = 0o040;

/** Where the values come from. */
export interface SecretContext {
  /** The folder of the configuration file. Relative paths start there. */
  readonly folder: string;
  /** Permission bits of the configuration file. */
  readonly mode: number;
  readonly environment: Environment;
  readonly known: KnownSecrets;
  /** Whether a process without any credentials gets a warning and an empty secret instead of an error. */
  readonly mayLackCredentials?: boolean;
  /** The same for files that this user cannot read. */
  readonly mayLackSecretFiles?: boolean;
  /** Whether a secret must not be read, because the author of the text may not use it. */
  skip?(path: KeyPath): boolean;
}

/** The secrets by key name, and the findings about them. */
export interface ResolvedSecrets {
  readonly byKey: ReadonlyMap<string, Secret>;
  /** Absolute paths of the files that values come from. */
  readonly files: readonly string[];
  /** Keys whose value cannot change while the process runs: variables and credentials of the service. */
  readonly fixed: readonly string[];
  readonly findings: readonly Finding[];
}

type Outcome = {
  readonly value: string | null;
  readonly findings: readonly Finding[];
  /** Time at which the file was written. Not for credentials: systemd rewrites them at every start. */
  readonly revision?: string;
};

/** Resolves every secret of the settings. */
export async function resolveSecrets(settings: unknown, context: SecretContext): Promise<ResolvedSecrets> {
  const sources: [KeyPath, SecretSource][] = [];
  mapLeaves(settingsSchema, settings, (leaf, schema, path) => {
    if (kindOf(schema) === 'secret') sources.push([path, leaf as SecretSource]);
    return leaf;
  });
  const byKey = new Map<string, Secret>();
  const findings: Finding[] = [];
  for (const [path, source] of sources) {
    // An empty password is the same as none.
    if (source === '' || context.skip?.(path) === true) continue;
    const outcome = await resolveOne(path, source, context);
    findings.push(...outcome.findings);
    if (outcome.value === null) continue;
    if (outcome.value !== '') {
      context.known.add(outcome.value);
      findings.push(...validateValue(path, outcome.value));
    }
    byKey.set(keyName(path), new Secret(outcome.value, outcome.revision ?? null));
  }
  const files = sources.flatMap(([, source]) => (isFrom(source, 'file') ? [resolve(context.folder, source.file)] : []));
  const fixed = sources.filter(([, source]) => isFrom(source, 'env') || isFrom(source, 'credential'));
  return { byKey, files, fixed: fixed.map(([path]) => keyName(path)), findings };
}

function isFrom<K extends string>(
  source: SecretSource,
  kind: K,
): source is Extract<SecretSource, Readonly<Record<K, string>>> {
  return typeof source === 'object' && kind in source;
}

async function resolveOne(path: KeyPath, source: SecretSource, context: SecretContext): Promise<Outcome> {
  if (typeof source === 'string') return { value: source, findings: validateExposure(path, context.mode) };
  if ('env' in source) return fromVariable(path, source.env, context.environment);
  if ('file' in source) return fromSecretFile(path, resolve(context.folder, source.file), context);
  const folder = context.environment['CREDENTIALS_DIRECTORY'];
  if (folder === undefined || folder === '') {
    return withoutCredentials([...path, 'credential'], source.credential, context);
  }
  const { value, findings } = await fromFile([...path, 'credential'], resolve(folder, source.credential));
  return { value, findings };
}

function withoutCredentials(path: KeyPath, name: string, { mayLackCredentials }: SecretContext): Outcome {
  if (mayLackCredentials !== true) {
    const message =
      'No credentials are available: CREDENTIALS_DIRECTORY is not set. systemd sets it for a service with LoadCredential=.';
    return { value: null, findings: [{ ...finding(path, message, name), needsService: true }] };
  }
  const message =
    'This command cannot read the credential. Only the service can, if LoadCredential= of its unit names it.';
  return { value: '', findings: [{ ...finding(path, message, name), severity: 'warning' }] };
}

async function fromSecretFile(path: KeyPath, file: string, context: SecretContext): Promise<Outcome> {
  const outcome = await fromFile([...path, 'file'], file);
  if (outcome.value !== null || context.mayLackSecretFiles !== true) return outcome;
  return { value: '', findings: outcome.findings.map((one) => ({ ...one, severity: 'warning' as const })) };
}

function fromVariable(path: KeyPath, name: string, environment: Environment): Outcome {
  const value = environment[name];
  if (value === undefined) return failed([...path, 'env'], 'This environment variable is not set.', name);
  return value === '' ? failed([...path, 'env'], 'This environment variable is empty.', name) : { value, findings: [] };
}

async function fromFile(path: KeyPath, file: string): Promise<Outcome> {
  const read = await readBounded(file, MAX_SECRET_BYTES);
  if (!read.ok) return failed(path, `The secret file cannot be read: ${read.reason}.`, file);
  let value: string;
  try {
    value = new TextDecoder('utf-8', { fatal: true }).decode(read.bytes).replace(/\r?\n$/, '');
  } catch {
    return failed(path, 'The secret file is not UTF-8 text.', file);
  }
  if (value === '') return failed(path, 'The secret file is empty.', file);
  const revision = String(read.modifiedMs);
  if ((read.mode & OTHERS_MAY_READ) === 0) return { value, revision, findings: [] };
  const message = `Every user of this host can read the secret file (mode ${octal(read.mode)}). Set its mode to 0640 or less with chmod.`;
  return { value, revision, findings: [{ ...finding(path, message, file), severity: 'warning' }] };
}

function validateExposure(path: KeyPath, mode: number): Finding[] {
  if ((mode & (OTHERS_MAY_READ | GROUP_MAY_READ)) === 0) return [];
  const readers = (mode & OTHERS_MAY_READ) === 0 ? 'the group of this file' : 'every user of this host';
  const message =
    `The secret is in this file, which ${readers} can read (mode ${octal(mode)}). ` +
    'Write {file: ...} or {credential: ...} instead, or run chmod 0600 on this file.';
  return [{ ...finding(path, message), severity: 'warning' }];
}

/** Checks the characters of a secret. The sentences name positions, not characters. */
function validateValue(path: KeyPath, value: string): Finding[] {
  const wrong = validateNoControl(value) ?? validateForUse(path, value);
  if (wrong !== null) return [finding(path, wrong)];
  // A PIN is short by nature, and nothing prints it.
  if ([...value].length >= MIN_MASKED_LENGTH || isPin(path)) return [];
  const message = `The secret has fewer than ${MIN_MASKED_LENGTH} characters, too short to be masked in logs.`;
  return [{ ...finding(path, message), severity: 'warning' }];
}

const isPin = ([section, key]: KeyPath) => section === 'menu' && key === 'pin';

/** RFC 9110, 5.5 (field values) and RFC 6750, 2.1 (bearer tokens). */
function validateForUse(path: KeyPath, value: string): string | null {
  if (path[1] === 'headers' && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    return 'A header value must be printable ASCII, without a space at the start or end.';
  }
  if (path[1] === 'bearer_token' && !/^[A-Za-z0-9._~+/-]+=*$/.test(value)) {
    return 'A bearer token may contain letters, digits and . _ ~ + / -, and may end with =.';
  }
  if (isPin(path) && !/^[0-9]{4,12}$/.test(value)) return 'A PIN has 4 to 12 digits.';
  return null;
}

function failed(path: KeyPath, message: string, found: string): Outcome {
  return { value: null, findings: [finding(path, message, found)] };
}

function finding(path: KeyPath, message: string, found = ''): Finding {
  return { path, severity: 'error', at: 'value', found, allowed: '', message };
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
