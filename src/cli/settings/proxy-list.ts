// `sallyport proxy list | show`: the profiles of the file, without passwords.

import { printJson } from '#cli/terminal/json.ts';
import { readProfileDates } from '#config/editing/profile-dates.ts';
import { findProfile, usersOf } from '#config/editing/profile-edits.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { type ExplainedKey, explainSettings } from '#config/reading/show.ts';
import { formatTable } from '#control/text/table.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { redactDeep } from '#redaction/redact.ts';
import { withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import { showValue } from './config.ts';

/** Prints every profile. */
export async function listProxiesCommand(context: CommandContext, options: { json: boolean }): Promise<number> {
  return await withSettings(context, async ({ settings }) => {
    const { terminal, files, known } = context;
    const dates = await readProfileDates(files, settings.daemon.state_dir);
    const rows = settings.proxies.map((profile) => ({
      name: profile.name,
      address: profile.address ?? null,
      port: profile.port,
      authentication: profile.authentication,
      is_default: profile.default,
      created: dates.get(profile.name) ?? null,
    }));
    if (options.json) {
      printJson(terminal, redactDeep(rows, known));
      return EXIT_OK;
    }
    if (rows.length === 0) {
      terminal.out('No proxy is configured; every purpose connects directly. To add one: sallyport proxy add.');
      return EXIT_OK;
    }
    const table = formatTable(
      ['NAME', 'ADDRESS OR IP', 'PORT', 'AUTHENTICATION', 'IS DEFAULT', 'DATE CREATED'],
      redactDeep(rows, known).map((row) => [
        showForeign(row.name),
        row.address === null ? '-' : showForeign(row.address),
        row.address === null ? '-' : String(row.port),
        row.authentication,
        row.is_default ? 'yes' : 'no',
        row.created ?? '-',
      ]),
    );
    for (const line of table) terminal.out(line);
    if (!settings.proxy_enabled) terminal.out('proxy_enabled is false, so none of them is used.');
    return EXIT_OK;
  });
}

/** Prints each key of one profile with its effective value and its source, and what uses the profile. */
export async function showProxyCommand(
  context: CommandContext,
  name: string,
  options: { json: boolean },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { terminal, files, known } = context;
    const { settings } = loaded;
    const { profile } = findProfile(settings, name);
    const created = (await readProfileDates(files, settings.daemon.state_dir)).get(profile.name) ?? null;
    const usedBy = usersOf(settings, name).map(({ user }) => user);
    const keys = redactDeep(keysOfProfile(loaded, name), known);
    if (options.json) {
      const values = Object.fromEntries(keys.map(({ key, value }) => [key, value]));
      printJson(terminal, { ...values, created, used_by: usedBy });
      return EXIT_OK;
    }
    const rows = keys.map(({ key, value, line }) => [
      key,
      showValue(value),
      line === null ? 'default' : `line ${line}`,
    ]);
    for (const line of formatTable(['KEY', 'VALUE', 'FROM'], rows)) terminal.out(line);
    terminal.out(`created: ${created ?? '-'}`);
    terminal.out(`used by: ${usedBy.length === 0 ? 'nothing' : usedBy.map(showForeign).join(', ')}`);
    return EXIT_OK;
  });
}

/** The keys of a profile, without `proxies[N].` in their names. */
function keysOfProfile(loaded: LoadedSettings, name: string): ExplainedKey[] {
  const head = `proxies[${findProfile(loaded.settings, name).index}].`;
  return explainSettings(loaded)
    .filter(({ key }) => key.startsWith(head))
    .map((row) => ({ ...row, key: row.key.slice(head.length) }));
}
