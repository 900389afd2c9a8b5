// Loads the configuration: parses the file, checks it, resolves secrets and fills in the default paths.
//
// Guarantees: all errors of the file are reported together, each with its position. Loading starts nothing and writes
// nothing. Results contain values of secrets only inside a `Secret`. Relies only on the files and on its options.

import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { type DaemonPlaces, type Environment, type Places, placesOfDaemon } from '#config/places.ts';
import { type Finding, type KeyPath, keyName, type Position, type Problem } from '#config/problem.ts';
import { crossCheck } from '#config/rules/cross-rules.ts';
import { checkHookFile } from '#config/rules/hook-file.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';
import { validateSockets } from '#config/rules/socket-rules.ts';
import { checkRedactionPatterns } from '#config/rules/upload-rules.ts';
import { kindOf } from '#config/schema/key.ts';
import { SECRET_ALLOWED } from '#config/schema/leaves.ts';
import { FORMAT_VERSION, settingsSchema } from '#config/schema/settings.ts';
import type { Settings } from '#config/settings.ts';
import { keysOf, mapLeaves, salvage, schemaAt } from '#config/tree.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor, redactDeep } from '#redaction/redact.ts';
import { type ConfigDocument, type PlacedFinding, readDocument } from './document.ts';
import { MAX_FILE_BYTES, type ReadResult, readBounded } from './read-bounded.ts';
import { FORMAT_HISTORY, isReadable, modernise } from './renamed.ts';
import { inlineUses, refuseNewUses, type SecretUse, secretUses } from './secret-uses.ts';
import { resolveSecrets } from './secrets.ts';
import { describeFound, validate } from './validate.ts';

export interface LoadOptions {
  /** Path of the file. A relative path starts at the working directory. */
  readonly file: string;
  readonly places: Places;
  readonly environment: Environment;
  /** Every secret is registered here as soon as its value is known. */
  readonly known: KnownSecrets;
  /** For commands that only show settings: a credential that only the service has is a warning instead of an error. */
  readonly mayLackCredentials?: boolean;
  /** The same for secrets in files that this user cannot read. */
  readonly mayLackSecretFiles?: boolean;
  /** Loaded instead of the content of the file: an edit that is not written yet. */
  readonly text?: string;
  /** For text from a user without the right to read secrets: the only references to secrets that it may contain. */
  readonly usesAllowed?: readonly SecretUse[] | undefined;
}

/** Valid settings, with facts about their file. */
export interface LoadedSettings {
  readonly ok: true;
  readonly settings: Settings;
  readonly warnings: readonly Problem[];
  /** The format version of the file; `settings` always have the form of the current version. */
  readonly version: number;
  /** Absolute. */
  readonly file: string;
  /** SHA-256 of the file, in hex. */
  readonly digest: string;
  /** Absolute paths of the file and of every file that it names. If one changes, the settings may change. */
  readonly files: readonly string[];
  /** Keys of secrets from a variable or a credential of the service; a new value takes effect at the next start. */
  readonly fixedSecrets: readonly string[];
  /** Every secret that the file uses by reference, with source and destination. */
  readonly secretUses: readonly SecretUse[];
  /** The same for secrets whose value is in the file itself; a digest takes the place of the value. */
  readonly inlineUses: readonly SecretUse[];
  /** The position of a key such as `proxies[0].port`; null if it is not in the file. */
  lineOf(key: string): Position | null;
}

/** The reasons for a rejected file: one error for the log and the exit status, and every problem. */
export interface RefusedSettings {
  readonly ok: false;
  readonly error: CodedError;
  readonly problems: readonly Problem[];
  /** The file and the files that it names, as far as they are known. */
  readonly files: readonly string[];
  /** The paths of a daemon that started with an earlier content of the file; null if the file does not show them. */
  readonly daemon: DaemonPlaces | null;
}

export type LoadResult = LoadedSettings | RefusedSettings;

/** Loads the file. Never throws because of its content. */
export async function loadSettings(options: LoadOptions): Promise<LoadResult> {
  const result = await loadAll(options);
  // A secret may also be part of another value, and only now all secrets are known.
  const redactor = createRedactor(options.known);
  return result.ok
    ? { ...result, warnings: redactDeep(result.warnings, redactor) }
    : { ...result, problems: redactDeep(result.problems, redactor) };
}

async function loadAll({ file: given, text: instead, ...options }: LoadOptions): Promise<LoadResult> {
  const file = resolve(given);
  const read = instead === undefined ? await readBounded(file, MAX_FILE_BYTES) : asRead(instead);
  const nothing: FileContext = { file, files: [file], daemon: null };
  if (!read.ok && read.kind === 'too large') return refuseWhole(nothing, tooLarge(read.bytes));
  if (!read.ok) {
    return {
      ok: false,
      error: read.exhausted ?? coded('CONFIG-UNREADABLE', { file, reason: read.reason }),
      problems: [],
      files: [file],
      daemon: null,
    };
  }
  const text = decode(read.bytes);
  if (typeof text !== 'string') return refuseWhole(nothing, text);
  const document = readDocument(text);
  if (document.value === undefined) return refuse(nothing, document, []);
  const wrongRoot = validateRoot(document.value);
  if (wrongRoot !== null) return refuse(nothing, document, [wrongRoot]);
  const today = withCurrentNames(document);
  const { settings, findings, facts } = await check(today, { file, mode: read.mode, ...options });
  if (settings === null) return refuse({ file, ...facts }, today, findings);
  return {
    ok: true,
    settings,
    warnings: findings.map((finding) => place(finding, file, today)),
    version: (document.value as { readonly version: number }).version,
    file,
    digest: createHash('sha256').update(read.bytes).digest('hex'),
    files: facts.files,
    fixedSecrets: facts.fixedSecrets,
    secretUses: facts.secretUses,
    inlineUses: facts.inlineUses,
    lineOf: (key) => today.keyAt(key),
  };
}

/** Mode 0600, because no other user can read a text that is not on the disk. */
function asRead(text: string): ReadResult {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_FILE_BYTES) return { ok: true, bytes, mode: 0o600, modifiedMs: 0 };
  const reason = `it is larger than ${MAX_FILE_BYTES} bytes`;
  return { ok: false, kind: 'too large', bytes: bytes.subarray(0, MAX_FILE_BYTES), reason };
}

/** A document whose keys have the names of this version. Their positions are those in the file. */
interface CurrentDocument extends ConfigDocument {
  readonly notices: readonly Finding[];
}

function withCurrentNames(document: ConfigDocument): CurrentDocument {
  const { value, findings, keyInFile } = modernise(document.value as Readonly<Record<string, unknown>>, FORMAT_HISTORY);
  const keyAt = (key: string) => document.keyAt(keyInFile(key));
  const valueAt = (key: string) => document.valueAt(keyInFile(key));
  const isUnquoted = (key: string) => document.isUnquoted(keyInFile(key));
  return { ...document, value, notices: findings, keyAt, valueAt, isUnquoted };
}

interface CheckOptions extends LoadOptions {
  readonly mode: number;
}

/** Runs every check of the content. The settings are null if one of its findings, or of the document, is an error. */
async function check(document: CurrentDocument, options: CheckOptions) {
  const folder = dirname(options.file);
  const value = withoutEmptySections(document.value);
  const single = validate(value);
  const salvaged = salvage(settingsSchema, value) as Salvaged;
  const uses = secretUses(salvaged);
  const refusedUses = options.usesAllowed === undefined ? [] : refuseNewUses(uses, options.usesAllowed);
  // Secrets are not read for a user without the right to use them.
  const refused = new Set(refusedUses.map(({ path }) => keyName(path)));
  const secrets = await resolveSecrets(salvaged, { folder, ...options, skip: (path) => refused.has(keyName(path)) });
  const filled = fillIn(salvaged, { file: options.file, places: options.places, secrets: secrets.byKey });
  const wrongKeys = new Set(single.map(({ path }) => keyName(path)));
  const hook = await checkHookFile(salvaged);
  const isMisplaced = single.some((finding) => finding.isMisplaced === true);
  const across = [
    ...(isMisplaced ? [] : crossCheck(salvaged)),
    ...hook,
    ...(await checkRedactionPatterns(salvaged)),
    ...validateQuotes(salvaged, document),
    ...refusedUses,
    ...secrets.findings,
    ...validateSockets((filled as Settings).daemon),
  ].filter(({ path }) => !wrongKeys.has(keyName(path)));
  const findings = [...document.notices, ...single, ...across];
  const isWrong = [...document.findings, ...findings].some(({ severity }) => severity === 'error');
  const facts = {
    files: [...new Set([options.file, ...secrets.files, ...filesIn(filled)])],
    fixedSecrets: secrets.fixed,
    secretUses: uses,
    inlineUses: inlineUses(salvaged),
    daemon: (filled as Settings).daemon,
  };
  return { findings, facts, settings: isWrong ? null : (filled as Settings) };
}

/** Every file that the settings name, except the files of secrets, which are already resolved. */
function filesIn(filled: unknown): string[] {
  const files: string[] = [];
  mapLeaves(settingsSchema, filled, (leaf, schema) => {
    if (kindOf(schema) === 'file') files.push(leaf as string);
    return leaf;
  });
  return files;
}

/** YAML ends a secret without quotes at ` #`. The shortened secret would be sent and rejected without a clear cause. */
function validateQuotes(salvaged: unknown, document: ConfigDocument): Finding[] {
  const findings: Finding[] = [];
  mapLeaves(settingsSchema, salvaged, (leaf, schema, path) => {
    if (kindOf(schema) !== 'secret' || typeof leaf !== 'string' || !document.isUnquoted(keyName(path))) return leaf;
    const message =
      'Put the value in quotes. Without quotes, YAML ends it at a space followed by #, and may read it as another type.';
    findings.push({
      path,
      severity: 'error',
      at: 'value',
      found: 'text without quotes',
      allowed: SECRET_ALLOWED,
      message,
    });
    return leaf;
  });
  return findings;
}

/** The finding for a file without settings that could be read: empty, not a mapping, or of another version. */
function validateRoot(value: unknown): Finding | null {
  const base = { severity: 'error', at: 'value', found: '', allowed: `version: ${FORMAT_VERSION}` } as const;
  if (value === null)
    return { ...base, path: [], message: `The file is empty. It needs at least this line: version: ${FORMAT_VERSION}` };
  if (typeof value !== 'object' || Array.isArray(value)) {
    return {
      ...base,
      path: [],
      message: `The file does not consist of keys. It must begin with this line: version: ${FORMAT_VERSION}`,
    };
  }
  const { version } = value as { readonly version?: unknown };
  // The schema reports a missing version together with all other errors.
  if (version === undefined || isReadable(version, FORMAT_HISTORY)) return null;
  const found = describeFound(['version'], version);
  if (isReadable(Number(version), FORMAT_HISTORY) && typeof version === 'string') {
    const message = 'The version is a number. Remove the quotes.';
    return { ...base, path: ['version'], found: `"${found}"`, message };
  }
  return {
    ...base,
    path: ['version'],
    found,
    message: `This version of Sallyport reads format versions ${FORMAT_VERSION - 1} and ${FORMAT_VERSION}.`,
  };
}

/** A section whose keys are all commented out is the same as an absent section. */
function withoutEmptySections(value: unknown): unknown {
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  return Object.fromEntries(
    entries.filter(([key, part]) => part !== null || keysOf(schemaAt(settingsSchema, [key])).length === 0),
  );
}

interface FillOptions {
  readonly file: string;
  readonly places: Places;
  readonly secrets: ReadonlyMap<string, unknown>;
}

/** The settings with secrets in place of their sources, absolute paths and the default paths. */
function fillIn(salvaged: unknown, { file, places, secrets }: FillOptions): unknown {
  const folder = dirname(file);
  const mapped = mapLeaves(settingsSchema, salvaged, (leaf, schema, path) => {
    if (kindOf(schema) === 'secret') return secrets.get(keyName(path));
    // An empty user or domain is the same as none. Other keys cannot be empty.
    if (leaf === '') return undefined;
    return kindOf(schema) === 'path' || kindOf(schema) === 'file' ? resolve(folder, leaf as string) : leaf;
  }) as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  return {
    ...mapped,
    updates: { packages_dir: places.packagesDir, ...mapped['updates'] },
    logging: { dir: places.logsDir, ...mapped['logging'] },
    daemon: placesOfDaemon(file, mapped['daemon'], places),
  };
}

function decode(bytes: Uint8Array): string | PlacedFinding {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // The text before the first replacement character is valid, so it gives the line of the first invalid byte.
    const before = new TextDecoder().decode(bytes).split('\uFFFD')[0] ?? '';
    return whole('The file is not UTF-8 text from this line on.', lineCount(before));
  }
}

function tooLarge(bytes: Uint8Array): PlacedFinding {
  const line = lineCount(new TextDecoder().decode(bytes));
  return whole(`The file is larger than the limit of 1 MiB, which is reached on this line.`, line);
}

function lineCount(text: string): number {
  return text.split('\n').length;
}

function whole(message: string, line: number): PlacedFinding {
  const position = { line, column: 1 };
  return { path: [], severity: 'error', at: 'key', found: '', allowed: '', message, position };
}

/** Facts about a file that are known even if it is rejected. */
type FileContext = Pick<RefusedSettings, 'files' | 'daemon'> & { readonly file: string };

function refuseWhole({ file, ...rest }: FileContext, finding: PlacedFinding): RefusedSettings {
  const problem = toProblem(finding, file, finding.position);
  return {
    ok: false,
    error: coded('CONFIG', { file, count: 1 }),
    problems: [problem],
    files: rest.files,
    daemon: rest.daemon,
  };
}

function refuse(
  { file, ...rest }: FileContext,
  document: ConfigDocument,
  findings: readonly Finding[],
): RefusedSettings {
  const { files, daemon } = rest;
  const errors = findings.filter(({ severity }) => severity === 'error');
  const problems = [
    ...document.findings.map((finding) => toProblem(finding, file, finding.position)),
    ...errors.map((finding) => place(finding, file, document)),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  const error = errorOf(errors, { file, count: problems.length, parses: document.findings.length === 0 });
  // Only the service can read the credentials, so the file itself has no problem to report.
  const mistakes = error.code === 'CREDENTIALS-ELSEWHERE' ? [] : problems;
  return { ok: false, error, problems: mistakes, files, daemon };
}

/** The one error that represents all problems. */
function errorOf(
  errors: readonly Finding[],
  { file, count, parses }: { file: string; count: number; parses: boolean },
): CodedError {
  const [secret] = errors.flatMap(({ refusedSecret }) => refusedSecret ?? []);
  if (secret !== undefined) return coded('SECRET-NOT-IN-FORCE', { key: secret });
  const [policy] = errors.flatMap(({ direct }) => direct ?? []);
  const isAlone = (belongs: (finding: Finding) => boolean) => parses && errors.length > 0 && errors.every(belongs);
  if (isAlone(({ needsService }) => needsService === true)) {
    return coded('CREDENTIALS-ELSEWHERE', { file, keys: errors.map(({ path }) => keyName(path.slice(0, -1))) });
  }
  return policy !== undefined && isAlone(({ direct }) => direct !== undefined)
    ? coded('POLICY-DIRECT', { target: policy.purpose, ...policy })
    : coded('CONFIG', { file, count });
}

function place(finding: Finding, file: string, document: ConfigDocument): Problem {
  return toProblem(finding, file, positionOf(finding, document));
}

/** The position of the key or value, or of the nearest part above it that the file has. */
function positionOf({ path, at }: Finding, document: ConfigDocument): Position {
  const own = keyName(path);
  const exact = at === 'key' ? document.keyAt(own) : (document.valueAt(own) ?? document.keyAt(own));
  return exact ?? nearestAbove(path, document);
}

function nearestAbove(path: KeyPath, document: ConfigDocument): Position {
  for (let length = path.length - 1; length > 0; length -= 1) {
    const position = document.keyAt(keyName(path.slice(0, length)));
    if (position !== null) return position;
  }
  return { line: 1, column: 1 };
}

function toProblem(finding: Finding, file: string, { line, column }: Position): Problem {
  const { path, found, allowed, didYouMean, direct, message } = finding;
  return {
    file,
    line,
    column,
    key: keyName(path),
    found,
    allowed,
    ...(didYouMean === undefined ? {} : { didYouMean }),
    ...(direct === undefined ? {} : { code: 'POLICY-DIRECT' as const }),
    message,
  };
}
