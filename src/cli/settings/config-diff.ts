// `sallyport config diff`: compares the configuration file with the settings that the running daemon uses. Both are
// compared key by key with their effective values, so a key with its default is the same as an absent one.

import { printJson } from '#cli/terminal/json.ts';
import { parsePath } from '#config/editing/edit.ts';
import { showKey } from '#config/problem.ts';
import { type ExplainedKey, explainSettings } from '#config/reading/show.ts';
import { EFFECT_WORDS, type Effect } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { keyFactsAt } from '#config/tree.ts';
import type { SettingsList } from '#control/settings.ts';
import type { Status } from '#control/status.ts';
import { formatTable } from '#control/text/table.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { redactDeep } from '#redaction/redact.ts';
import { withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import { showValue } from './config.ts';

/** As diff(1) has it. */
const EXIT_DIFFERENT = 1;

interface Difference {
  readonly key: string;
  readonly active: ExplainedKey['value'];
  readonly file: ExplainedKey['value'];
  /** When the value of the file takes effect. */
  readonly effect: Effect;
}

/** Exit status: 0 if nothing differs, 1 if something does, 78 if the file has errors. @throws CodedError NO-DAEMON */
export async function configDiffCommand(
  context: CommandContext,
  { json }: { readonly json: boolean },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { terminal, known } = context;
    const control = await context.findDaemon();
    if (control === null) throw coded('NO-DAEMON', { what: 'there are no active settings to compare with the file' });
    try {
      const { config } = await control.status();
      const inFile = redactDeep(explainSettings(loaded), known);
      const differences = compare(await control.settings(), inFile);
      if (json) {
        const { since, held, refused } = config;
        printJson(terminal, {
          file: loaded.file,
          active_since: since,
          held: held !== null,
          refused: refused !== null,
          differences,
        });
      } else print(context, differences, { file: loaded.file, config });
      return differences.length === 0 ? EXIT_OK : EXIT_DIFFERENT;
    } finally {
      await control.close();
    }
  });
}

function compare({ keys }: SettingsList, inFile: readonly ExplainedKey[]): Difference[] {
  const active = new Map(keys.map((row) => [row.key, row.value]));
  const file = new Map(inFile.map((row) => [row.key, row.value]));
  const all = [...file.keys(), ...[...active.keys()].filter((key) => !file.has(key))];
  return all
    .map((key) => ({ key, active: active.get(key) ?? null, file: file.get(key) ?? null, effect: effectOf(key) }))
    .filter((row) => JSON.stringify(row.active) !== JSON.stringify(row.file));
}

function effectOf(key: string): Effect {
  return keyFactsAt(settingsSchema, parsePath(key))?.effect ?? 'now';
}

function print(
  { terminal }: CommandContext,
  differences: readonly Difference[],
  { file, config }: { readonly file: string; readonly config: Status['config'] },
): void {
  if (differences.length === 0) {
    terminal.out(`The daemon uses the settings of ${showForeign(file)}. Values of secrets are not compared.`);
    return;
  }
  const rows = differences.map((one) => [
    showKey(one.key),
    showValue(one.active),
    showValue(one.file),
    EFFECT_WORDS[one.effect],
  ]);
  for (const line of formatTable(['KEY', 'ACTIVE', 'IN THE FILE', 'TAKES EFFECT'], rows)) terminal.out(line);
  const why = reasonOf(config);
  if (why !== null) terminal.out(why);
  terminal.out('Values of secrets are not compared.');
}

/** Why the daemon does not use the file. */
function reasonOf({ held, refused }: Status['config']): string | null {
  if (held !== null)
    return 'The daemon holds the file back, because its test failed. To apply it: sallyport proxy confirm.';
  if (refused !== null) return `The daemon rejected the file: ${showForeign(refused.first)}`;
  return null;
}
