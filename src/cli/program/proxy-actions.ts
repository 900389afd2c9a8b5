// The commands around proxies and routes, by the names that the program calls them. `main.ts` hands in the parts.

import { confirmCommand } from '#cli/settings/confirm.ts';
import type { Desk } from '#cli/settings/desk-parts.ts';
import { addProxyCommand, changeProxyCommand, editProxyCommand } from '#cli/settings/proxy-change.ts';
import { defaultProxyCommand, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { listProxiesCommand, showProxyCommand } from '#cli/settings/proxy-list.ts';
import { setRouteCommand, showRoutesCommand } from '#cli/settings/route.ts';
import type { Control } from '#control/control.ts';
import type { Globals } from './program-hooks.ts';
import type { ProxyActions } from './program-proxy.ts';

export interface ProxyActionParts {
  /** Everything of a desk that depends on the configuration file. */
  desk(globals: Globals): Desk;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
}

/** Each command by the name that the program calls it. */
export function proxyActions({ desk, withControl }: ProxyActionParts): ProxyActions {
  return {
    listProxies: (globals, options) => listProxiesCommand(desk(globals), options),
    showProxy: (globals, { name, json }) => showProxyCommand(desk(globals), name, { json }),
    addProxy: (globals, { name, flags }) => addProxyCommand(desk(globals), name, flags),
    editProxy: (globals, { name, flags }) => editProxyCommand(desk(globals), name, flags),
    changeProxy: (globals, { flags }) => changeProxyCommand(desk(globals), flags),
    deleteProxy: (globals, { name, flags }) => deleteProxyCommand(desk(globals), name, flags),
    defaultProxy: (globals, { name, ...options }) => defaultProxyCommand(desk(globals), name, options),
    enableProxy: (globals, { enabled, json, confirm }) => enableProxyCommand(desk(globals), enabled, { json, confirm }),
    confirmChange: (globals) => confirmCommand(desk(globals)),
    showRoutes: (globals, options) =>
      withControl(globals, (control) => showRoutesCommand(desk(globals), control, options)),
    setRoute: (globals, options) => setRouteCommand(desk(globals), options),
  };
}
