// The `proxy` and `route` commands, under the names that the program calls. `sallyport.ts` passes in the parts.

import type { CommandContext } from '#cli/settings/command-context.ts';
import { confirmCommand } from '#cli/settings/confirm.ts';
import { addProxyCommand, changeProxyCommand, editProxyCommand } from '#cli/settings/proxy-change.ts';
import { defaultProxyCommand, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { listProxiesCommand, showProxyCommand } from '#cli/settings/proxy-list.ts';
import { setRouteCommand, showRoutesCommand } from '#cli/settings/route.ts';
import type { Control } from '#control/control.ts';
import type { Globals } from './program-hooks.ts';
import type { ProxyActions } from './program-proxy.ts';

export interface ProxyActionParts {
  /** The context of a command for the configuration file of these options. */
  context(globals: Globals): CommandContext;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
}

/** The commands, under the names that the program calls. */
export function proxyActions({ context, withControl }: ProxyActionParts): ProxyActions {
  return {
    listProxies: (globals, options) => listProxiesCommand(context(globals), options),
    showProxy: (globals, { name, json }) => showProxyCommand(context(globals), name, { json }),
    addProxy: (globals, { name, flags }) => addProxyCommand(context(globals), name, flags),
    editProxy: (globals, { name, flags }) => editProxyCommand(context(globals), name, flags),
    changeProxy: (globals, { flags }) => changeProxyCommand(context(globals), flags),
    deleteProxy: (globals, { name, flags }) => deleteProxyCommand(context(globals), name, flags),
    defaultProxy: (globals, { name, ...options }) => defaultProxyCommand(context(globals), name, options),
    enableProxy: (globals, { enabled, json, confirm }) =>
      enableProxyCommand(context(globals), enabled, { json, confirm }),
    confirmChange: (globals) => confirmCommand(context(globals)),
    showRoutes: (globals, options) =>
      withControl(globals, (control) => showRoutesCommand(context(globals), control, options)),
    setRoute: (globals, options) => setRouteCommand(context(globals), options),
  };
}
