/**
 * Writes test/docs/contract.json: everything that scripts, dashboards and configuration files of users rely on. It adds
 * new entries and refuses to change or remove one, because that would break something for users. To change one on
 * purpose, edit that file by hand. Usage: tools/contract.ts [FILE]
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeJsonSchema } from '#config/generate/json-schema.ts';
import { controlArtifacts } from '#control/artifacts.ts';
import { diagnosisArtifact } from '#diagnose/artifact.ts';
import { CATALOGUE } from '#errors/catalogue.ts';
import { EXIT_OK, EXIT_STATUS, EXIT_USAGE } from '#errors/exit-status.ts';
import { EVENTS } from '#logging/events.ts';
import { readHelp } from '#test/support/help.ts';

const SRC = join(dirname(import.meta.dirname), 'src');

/** Sorted lists of facts, a line each: a removed or renamed name is a line that is missing. */
export type Contract = Readonly<Record<string, readonly string[]>>;

/** The part of JSON Schema that zod writes. */
interface Schema {
  readonly [keyword: `x-${string}`]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
}

export async function currentContract(): Promise<Contract> {
  const printed = [diagnosisArtifact(), ...controlArtifacts()];
  const reported = reportedFields();
  return {
    failureCodes: Object.entries(CATALOGUE).map(([code, { class: kind }]) => `${code}: ${kind}`),
    exitStatuses: [
      `ok: ${EXIT_OK}`,
      `usage: ${EXIT_USAGE}`,
      ...Object.entries(EXIT_STATUS).map(([kind, status]) => `${kind}: ${status}`),
    ],
    commands: (await readHelp()).flatMap(({ path, options, places }) => {
      const command = ['sallyport', ...path].join(' ');
      return [command, ...[...options, ...places].map((word) => `${command} ${word}`)];
    }),
    configurationKeys: keysOf(JSON.parse(makeJsonSchema()) as Schema, ''),
    jsonFields: printed.flatMap(({ path, text }) =>
      fieldsOf(JSON.parse(text) as Schema, `${/(\w+)\.schema/.exec(path)?.[1]}: `),
    ),
    logEvents: Object.entries(EVENTS).flatMap(([name, { level, thread, text }]) => [
      `${name}: level ${level}, thread ${thread ?? 'of its purpose'}`,
      ...[...text.matchAll(/\{(\w+)/g)].map(([, field]) => `${name}: field ${field}`),
      ...(reported.get(name) ?? []).map((field) => `${name}: field ${field}`),
    ]),
  };
}

/** Lines of `recorded` that `now` lacks, and the reverse. */
export function compareContracts(recorded: Contract, now: Contract): { missing: string[]; added: string[] } {
  return { missing: linesNotIn(now, recorded), added: linesNotIn(recorded, now) };
}

function linesNotIn(other: Contract, contract: Contract): string[] {
  return Object.entries(contract).flatMap(([group, lines]) => {
    const known = new Set(other[group]);
    return lines.filter((line) => !known.has(line)).map((line) => `${group}: ${line}`);
  });
}

function keysOf(schema: Schema, path: string): string[] {
  const { 'x-set-by': setBy, 'x-takes-effect': effect, 'x-secret': secret } = schema;
  const own = [
    `type ${valuesOf(schema)}`,
    `default ${schema.default === undefined ? 'none' : JSON.stringify(schema.default)}`,
    ...(setBy === undefined ? [] : [`set by ${setBy}`, `takes effect ${effect}`]),
    ...(secret === true ? ['secret'] : []),
  ];
  const rows = path === '' ? [] : own.map((fact) => `${path}: ${fact}`);
  return [...rows, ...childrenOf(schema, path).flatMap(([child, below]) => keysOf(child, below))];
}

function fieldsOf(schema: Schema, path: string): string[] {
  return childrenOf(schema, path).flatMap(([child, below]) => [
    `${below} (${valuesOf(child)})`,
    ...fieldsOf(child, below),
  ]);
}

function childrenOf(schema: Schema, path: string): [Schema, string][] {
  const prefix = path === '' || path.endsWith(': ') ? path : `${path}.`;
  const { properties = {}, additionalProperties: other, items, anyOf = [] } = schema;
  return [
    ...Object.entries(properties).map(([name, child]): [Schema, string] => [child, `${prefix}${name}`]),
    ...(typeof other === 'object' ? [[other, `${prefix}*`] as [Schema, string]] : []),
    ...(items === undefined ? [] : childrenOf(items, `${path}[]`)),
    ...anyOf.flatMap((option) => childrenOf(option, path)),
  ];
}

/** Its type, or the words that it may have. */
function valuesOf({ type, const: only, enum: words, anyOf, items }: Schema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (words !== undefined) return words.map((word) => JSON.stringify(word)).join(' | ');
  if (anyOf !== undefined) return [...new Set(anyOf.map(valuesOf))].toSorted().join(' | ');
  if (items !== undefined) return `list of ${valuesOf(items)}`;
  return [type ?? 'anything'].flat().join(' | ');
}

/** The fields of each event where it is reported: JSON has them also where the sentence does not name them. */
function reportedFields(): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const path of globSync('**/*.ts', { cwd: SRC })) {
    const code = readFileSync(join(SRC, path), 'utf8');
    for (const { 1: name = '', index } of code.matchAll(/\{\s*name: '([a-z-]+)',/g)) {
      const names = [...objectAt(code, index).matchAll(/(?:^|,)\s*(?!name\b)(\w+)\s*(?=[:,}]|$)/g)].map(
        ([, field = '']) => field,
      );
      fields.set(name, [...(fields.get(name) ?? []), ...names]);
    }
  }
  return fields;
}

/** The object literal that begins there, without the content of inner brackets. */
function objectAt(code: string, start: number): string {
  let depth = 0;
  let flat = '';
  for (const character of code.slice(start)) {
    if ('{[('.includes(character)) depth += 1;
    else if ('}])'.includes(character)) depth -= 1;
    else if (depth === 1) flat += character;
    if (depth === 0) break;
  }
  return flat;
}

/** As the file has it: each group sorted, each line once. */
export function contractText(contract: Contract): string {
  const groups = Object.entries(contract).map(([group, lines]) => [group, [...new Set(lines)].toSorted()]);
  return `${JSON.stringify(Object.fromEntries(groups), null, 2)}\n`;
}

if (import.meta.main) {
  const file = process.argv[2] ?? join(dirname(import.meta.dirname), 'test', 'docs', 'contract.json');
  const now = await currentContract();
  const recorded = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Contract) : {};
  const { missing, added } = compareContracts(recorded, now);
  if (missing.length > 0) {
    process.stderr.write(`Users rely on these; they are missing or different now:\n${missing.join('\n')}\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, contractText(now));
    process.stdout.write(`${added.length} added\n`);
  }
}
