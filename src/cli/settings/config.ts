// `sallyport config check | show | schema`: lists all errors of the file, shows each effective value with its source,
// and prints the JSON schema.

import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { makeJsonSchema } from '#config/generate/json-schema.ts';
import { problemLine, showKey } from '#config/problem.ts';
import type { LoadResult, RefusedSettings } from '#config/reading/load.ts';
import { type ExplainedKey, explainSettings } from '#config/reading/show.ts';
import { formatTable } from '#control/text/table.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { type Redactor, redactDeep } from '#redaction/redact.ts';

/** Exit status: 0 if the file is valid, also with warnings; 78 otherwise. */
export function configCheckCommand(terminal: Terminal, result: LoadResult): number {
  if (!result.ok) return printProblems(terminal, result);
  for (const warning of result.warnings) terminal.err(`warning: ${problemLine(warning)}`);
  const { length } = result.warnings;
  const summary = length === 0 ? 'no errors' : `no errors, ${length} ${length === 1 ? 'warning' : 'warnings'}`;
  terminal.out(`${showForeign(result.file)}: ${summary}.`);
  return EXIT_OK;
}

/** An admin fixes some errors before reading more than this. */
const MAX_PRINTED = 100;

/** Prints the errors and what to do. Returns the exit status. */
export function printProblems(terminal: Terminal, { error, problems }: RefusedSettings): number {
  for (const problem of problems.slice(0, MAX_PRINTED)) terminal.err(problemLine(problem));
  const more = problems.length - MAX_PRINTED;
  if (more > 0) terminal.err(`and ${more} more ${more === 1 ? 'error' : 'errors'}`);
  terminal.err(error.message);
  terminal.err(`  ${error.check}`);
  return EXIT_STATUS[error.entry.class];
}

/** Prints each key with its effective value and its source. Secrets appear as ***, also inside other values. */
export function configShowCommand(
  terminal: Terminal,
  result: LoadResult,
  options: { json: boolean; known: Redactor },
): number {
  if (!result.ok) return printProblems(terminal, result);
  const rows = redactDeep(explainSettings(result), options.known);
  if (options.json) {
    printJson(
      terminal,
      rows.map(({ setBy: set_by, ...row }) => ({ ...row, set_by })),
    );
    return EXIT_OK;
  }
  const table = formatTable(
    ['KEY', 'VALUE', 'FROM'],
    rows.map(({ key, value, source, line }) => [
      showKey(key),
      showValue(value),
      source === 'file' && line !== null ? `line ${line}` : source,
    ]),
  );
  for (const line of table) terminal.out(line);
  return EXIT_OK;
}

/** The value of a key for a person. */
export function showValue(value: ExplainedKey['value']): string {
  if (typeof value === 'string') return showForeign(value);
  if (value === null) return 'not set';
  if (typeof value !== 'object') return String(value);
  return value.length === 0 ? 'none' : value.map(showForeign).join(', ');
}

/** The JSON schema, for editors. */
export function configSchemaCommand(terminal: Terminal): number {
  terminal.out(makeJsonSchema().trimEnd());
  return EXIT_OK;
}
