// The functions that `program.ts` calls for the commands `proxy`, `route` and `config`. `sallyport.ts` passes in the
// parts that they need. The code of a command is loaded only when it runs.

import type { ConfigActions } from '#cli/program/program-config.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { ProxyActions } from '#cli/program/program-proxy.ts';
import type { CommandContext } from '#cli/settings/command-context.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { LoadResult } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import type { Redactor } from '#redaction/redact.ts';

export interface ProxyActionParts {
  /** The context of a command for the configuration file of these options. */
  context(globals: Globals): CommandContext;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
}

/** The commands, under the names that the program calls. */
export function proxyActions({ context, withControl }: ProxyActionParts): ProxyActions {
  return {
    listProxies: async (globals, options) => (await listing()).listProxiesCommand(context(globals), options),
    showProxy: async (globals, { name, json }) => (await listing()).showProxyCommand(context(globals), name, { json }),
    addProxy: async (globals, { name, flags }) => (await changing()).addProxyCommand(context(globals), name, flags),
    editProxy: async (globals, { name, flags }) => (await changing()).editProxyCommand(context(globals), name, flags),
    changeProxy: async (globals, { flags }) => (await changing()).changeProxyCommand(context(globals), flags),
    deleteProxy: async (globals, { name, flags }) =>
      (await deleting()).deleteProxyCommand(context(globals), name, flags),
    defaultProxy: async (globals, { name, ...options }) =>
      (await deleting()).defaultProxyCommand(context(globals), name, options),
    enableProxy: async (globals, { enabled, json, confirm }) =>
      (await deleting()).enableProxyCommand(context(globals), enabled, { json, confirm }),
    confirmChange: async (globals) => (await import('#cli/settings/confirm.ts')).confirmCommand(context(globals)),
    showRoutes: async (globals, options) => {
      const { showRoutesCommand } = await routing();
      return await withControl(globals, (control) => showRoutesCommand(context(globals), control, options));
    },
    setRoute: async (globals, options) => (await routing()).setRouteCommand(context(globals), options),
  };
}

const listing = () => import('#cli/settings/proxy-list.ts');
const changing = () => import('#cli/settings/proxy-change.ts');
const deleting = () => import('#cli/settings/proxy-delete.ts');
const routing = () => import('#cli/settings/route.ts');

export interface ConfigActionParts {
  readonly terminal: Terminal;
  readonly known: Redactor;
  load(globals: Globals): Promise<LoadResult>;
  /** The context of a command for the configuration file of these options. */
  context(globals: Globals): CommandContext;
  /** For the editor of `config edit`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The commands, under the names that the program calls. */
export function configActions({ terminal, known, load, context, environment }: ConfigActionParts): ConfigActions {
  const commands = () => import('#cli/settings/config.ts');
  return {
    configCheck: async (globals) => (await commands()).configCheckCommand(terminal, await load(globals)),
    configShow: async (globals, options) =>
      (await commands()).configShowCommand(terminal, await load(globals), { ...options, known }),
    configSchema: async () => (await commands()).configSchemaCommand(terminal),
    configUpgrade: async (globals, options) =>
      await (await import('#cli/settings/config-upgrade.ts')).configUpgradeCommand(context(globals), options),
    configSet: async (globals, options) =>
      await (await import('#cli/settings/config-set.ts')).configSetCommand(context(globals), options),
    configImport: async (globals, options) =>
      await (await import('#cli/settings/config-import.ts')).configImportCommand(context(globals), options),
    configDiff: async (globals, options) =>
      await (await import('#cli/settings/config-diff.ts')).configDiffCommand(context(globals), options),
    configEdit: async (globals) =>
      await (await import('#cli/settings/config-edit.ts')).configEditCommand(context(globals), { environment }),
  };
}
