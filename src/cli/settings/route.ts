// `sallyport route show | set`: the route of each purpose. The daemon reports the active routes, or this process works
// them out if no daemon is running. The configured routes come from the file.

import { printJson } from '#cli/terminal/json.ts';
import { widthOf } from '#cli/terminal/terminal.ts';
import { setRoute } from '#config/editing/profile-edits.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Control } from '#control/control.ts';
import { formatTable } from '#control/text/table.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { changeCommand, switchedOff, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import type { ConfirmFlags } from './confirm.ts';

/** Prints the active route of each purpose with its reasons, next to the value in the file. */
export async function showRoutesCommand(
  context: Pick<CommandContext, 'terminal' | 'load'>,
  control: Control,
  options: { json: boolean },
): Promise<number> {
  const { terminal, load } = context;
  const { routes } = await control.status();
  const loaded = await load();
  // If the file has errors, the configured values are unknown. The active routes are shown anyway.
  const uses: Readonly<Record<string, string>> = loaded.ok ? loaded.settings.use_proxy_for : {};
  if (options.json) {
    printJson(
      terminal,
      routes.map((route) => ({ ...route, set_to: uses[route.purpose] ?? null })),
    );
    return EXIT_OK;
  }
  const rows = routes.map(({ purpose, how, proxy, target, why, enabled }) => [
    showForeign(purpose),
    showForeign(uses[purpose] ?? '-'),
    target !== null && !enabled ? `${how} (not enabled)` : how,
    proxy === null ? '-' : showForeign(proxy),
    target === null ? '-' : showForeign(target),
    why.length === 0 ? '-' : why.join('; '),
  ]);
  const heads = ['PURPOSE', 'SET TO', 'HOW', 'PROXY', 'TARGET', 'WHY'];
  for (const line of formatTable(heads, rows, widthOf(terminal.screen))) terminal.out(line);
  return EXIT_OK;
}

/** Sets the route of a purpose to `none`, `default` or a profile. */
export async function setRouteCommand(
  context: CommandContext,
  given: { readonly purpose: string; readonly use: string; readonly json: boolean; readonly confirm?: ConfirmFlags },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const purpose = given.purpose as Purpose;
    const edits = setRoute(loaded.settings, purpose, given.use);
    const use = String(edits.flatMap((edit) => (edit.kind === 'set' ? [edit.value] : []))[0]);
    return await changeCommand(context, loaded, {
      edits,
      sentences: [`${purpose} ${routeWords(use, loaded.settings.proxies)}.`, ...switchedOff(loaded.settings)],
      facts: { purpose, use },
      json: given.json,
      confirm: given.confirm,
    });
  });
}

/** Names of the purposes, for the help and for checking arguments. */
export const PURPOSE_NAMES: readonly string[] = PURPOSES;

function routeWords(use: string, proxies: readonly { readonly name: string; readonly default: boolean }[]): string {
  if (use === 'none') return 'now connects directly';
  if (use !== 'default') return `now uses proxy ${use}`;
  const name = proxies.find((one) => one.default)?.name;
  return name === undefined
    ? 'now connects directly, because no proxy is configured'
    : `now uses the default proxy, ${name}`;
}
