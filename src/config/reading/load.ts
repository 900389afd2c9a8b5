// Loads the configuration: file -> text -> plain data -> checked -> secrets resolved and places filled in -> Settings.
//
// Guarantees: every mistake of the file is found in one go, with its place; nothing is started or changed by loading; no
// result holds the value of a secret but inside a `Secret`. It relies on the file alone and on what it is given, and
// writes nothing.

import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { type DaemonPlaces, type Environment, type Places, placesOfDaemon } from '#config/places.ts';
import { type Finding, type KeyPath, keyName, type Position, type Problem } from '#config/problem.ts';
import { crossCheck } from '#config/rules/cross-rules.ts';
import { checkHookFile } from '#config/rules/hook-file.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';
import { validateSockets } from '#config/rules/socket-rules.ts';
import { kindOf } from '#config/schema/key.ts';
import { SECRET_ALLOWED } from '#config/schema/leaves.ts';
import { FORMAT_VERSION, settingsSchema } from '#config/schema/settings.ts';
import type { Settings } from '#config/settings.ts';
import { keysOf, mapLeaves, salvage, schemaAt } from '#config/tree.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor, redactDeep } from '#redaction/redact.ts';
import { type ConfigDocument, type PlacedFinding, readDocument } from './document.ts';
import { type ReadResult, readBounded } from './read-bounded.ts';
import { FORMAT_HISTORY, isReadable, modernise } from './renamed.ts';
import { inlineUses, refuseNewUses, type SecretUse, secretUses } from './secret-uses.ts';
import { resolveSecrets } from './secrets.ts';
import { describeFound, validate } from './validate.ts';

/** No configuration is as large; 1 MiB. */
const MAX_FILE_BYTES = 1_048_576;

export interface LoadOptions {
  /** Path of the file; it is made absolute. */
  readonly file: string;
  readonly places: Places;
  readonly environment: Environment;
  /** Every secret is registered here as soon as its value is known. */
  readonly known: KnownSecrets;
  /** For who only looks at the settings, outside the service: a credential that only the service has is a warning. */
  readonly mayLackCredentials?: boolean;
  /** Judged in place of what the file holds: an edit that is not written yet. */
  readonly text?: string;
  /** The only uses of secrets by reference that are allowed, for text from somebody who may not read the secrets. */
  readonly usesAllowed?: readonly SecretUse[] | undefined;
}

/** Settings that hold. */
export interface LoadedSettings {
  readonly ok: true;
  readonly settings: Settings;
  readonly warnings: readonly Problem[];
  /** The version of the format that the file is written in; `settings` have the current one. */
  readonly version: number;
  /** Absolute. */
  readonly file: string;
  /** sha256 of the file, in hex. */
  readonly digest: string;
  /** The file and every file it names, absolute: when one changes, the settings may. */
  readonly files: readonly string[];
  /** Keys of secrets from a variable or a credential of the service; a changed value is taken at the next start. */
  readonly fixedSecrets: readonly string[];
  /** Every secret that the file uses by reference, with its source and its destination. */
  readonly secretUses: readonly SecretUse[];
  /** The same for secrets whose value stands in the file itself; the value is not in it. */
  readonly inlineUses: readonly SecretUse[];
  /** Where the file has a key such as `proxies[0].port`; null when it does not. */
  lineOf(key: string): Position | null;
}

/** Why there are none: one error for the log and the exit status, and every mistake by itself. */
export interface RefusedSettings {
  readonly ok: false;
  readonly error: CodedError;
  readonly problems: readonly Problem[];
  /** The file and every file it names, as far as it can be read. */
  readonly files: readonly string[];
  /** Where a daemon that started with an earlier content may listen; null when the file does not tell. */
  readonly daemon: DaemonPlaces | null;
}

export type LoadResult = LoadedSettings | RefusedSettings;

/** Loads the file. Never throws for what stands in it. */
export async function loadSettings(options: LoadOptions): Promise<LoadResult> {
  const result = await loadAll(options);
  // A secret may stand in another value as well, and only now every one of them is known.
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
  const today = inNamesOfToday(document);
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

/** Nobody can read what is not written. */
function asRead(text: string): ReadResult {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_FILE_BYTES) return { ok: true, bytes, mode: 0o600, modifiedMs: 0 };
  const reason = `it is larger than ${MAX_FILE_BYTES} bytes`;
  return { ok: false, kind: 'too large', bytes: bytes.subarray(0, MAX_FILE_BYTES), reason };
}

/** A document whose keys have the names of this version; their places are those in the file. */
interface Today extends ConfigDocument {
  readonly notices: readonly Finding[];
}

function inNamesOfToday(document: ConfigDocument): Today {
  const { value, findings, keyInFile } = modernise(document.value as Readonly<Record<string, unknown>>, FORMAT_HISTORY);
  const keyAt = (key: string) => document.keyAt(keyInFile(key));
  const valueAt = (key: string) => document.valueAt(keyInFile(key));
  const isUnquoted = (key: string) => document.isUnquoted(keyInFile(key));
  return { ...document, value, notices: findings, keyAt, valueAt, isUnquoted };
}

interface CheckOptions extends LoadOptions {
  readonly mode: number;
}

/** Every check of the content. The settings are null when one of the findings, or of the document's, is an error. */
async function check(document: Today, options: CheckOptions) {
  const folder = dirname(options.file);
  const value = withoutEmptySections(document.value);
  const single = validate(value);
  const salvaged = salvage(settingsSchema, value) as Salvaged;
  const uses = secretUses(salvaged);
  const refusedUses = options.usesAllowed === undefined ? [] : refuseNewUses(uses, options.usesAllowed);
  // Nothing is read for somebody who may not have it read.
  const refused = new Set(refusedUses.map(({ path }) => keyName(path)));
  const secrets = await resolveSecrets(salvaged, { folder, ...options, skip: (path) => refused.has(keyName(path)) });
  const filled = fillIn(salvaged, { file: options.file, places: options.places, secrets: secrets.byKey });
  const wrongKeys = new Set(single.map(({ path }) => keyName(path)));
  const hook = await checkHookFile(salvaged);
  const isMisplaced = single.some((finding) => finding.isMisplaced === true);
  const across = [
    ...(isMisplaced ? [] : crossCheck(salvaged)),
    ...hook,
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

/** Every file that the settings name, but for those of secrets, which are secrets by now. */
function filesIn(filled: unknown): string[] {
  const files: string[] = [];
  mapLeaves(settingsSchema, filled, (leaf, schema) => {
    if (kindOf(schema) === 'file') files.push(leaf as string);
    return leaf;
  });
  return files;
}

/** A secret without quotes ends at ` #`, and nothing shows that: what is cut would be sent, and refused. */
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

/** A file that cannot hold settings at all: empty, no mapping, or of another version. */
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
  // Where it is missing the schema says so, together with all other mistakes.
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

/** A section whose keys are all commented out is the same as an absent one. */
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

/** Secrets in place of their sources, absolute paths, and the default places. */
function fillIn(salvaged: unknown, { file, places, secrets }: FillOptions): unknown {
  const folder = dirname(file);
  const mapped = mapLeaves(settingsSchema, salvaged, (leaf, schema, path) => {
    if (kindOf(schema) === 'secret') return secrets.get(keyName(path));
    // A blank user or domain is the same as none; nothing else may be blank.
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
    // What can be decoded is the same up to the first byte that cannot.
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

/** What is known of a file, whether it holds or not. */
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
  // There is nothing wrong with the file itself.
  const mistakes = error.code === 'CREDENTIALS-ELSEWHERE' ? [] : problems;
  return { ok: false, error, problems: mistakes, files, daemon };
}

/** The one error that stands for all mistakes. */
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

/** The key or value itself, or the nearest thing above it that the file has. */
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
