// The commands around proxies and routes with real parts: a piece of `main.ts`, which hands in what it has made.

import { resolve } from 'node:path';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { ProxyActions } from '#cli/program/program-proxy.ts';
import { confirmCommand } from '#cli/settings/confirm.ts';
import type { Desk } from '#cli/settings/desk-parts.ts';
import { addProxyCommand, changeProxyCommand, editProxyCommand } from '#cli/settings/proxy-change.ts';
import { defaultProxyCommand, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { listProxiesCommand, showProxyCommand } from '#cli/settings/proxy-list.ts';
import { setRouteCommand, showRoutesCommand } from '#cli/settings/route.ts';
import type { Control } from '#control/control.ts';

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

/** Makes a path of the command line absolute. */
export const absolute = (path: string): string => resolve(path);
