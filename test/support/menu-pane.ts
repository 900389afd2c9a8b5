// `sallyport menu` in a real terminal, on a host with the name and the gateway of the manual.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROGRAM_PATH } from './built-program.ts';
import { BARE_ENVIRONMENT } from './main-path.ts';
import type { Pane, PaneOptions, Tmux } from './tmux.ts';

const SENSOR = fileURLToPath(new URL('faults/sensor.ts', import.meta.url));
/** A default route by 10.9.2.1, in the form of the kernel. */
const ROUTES = 'eth0 00000000 0102090A 0003 0 0 0 00000000\n';

/** Starts the menu for this configuration file, with these options. */
export async function openMenu(
  tmux: Tmux,
  file: string,
  { args = [], environment = {}, ...size }: PaneOptions & { readonly args?: readonly string[] },
): Promise<Pane> {
  const routes = join(file, '..', 'routes');
  await writeFile(routes, ROUTES);
  const command = [process.execPath, '--disable-sigusr1', '--import', SENSOR, PROGRAM_PATH, 'menu'];
  return await tmux.open([...command, ...args, '--config', file], {
    ...size,
    environment: { ...cache(), LC_ALL: 'C.UTF-8', SENSOR_ROUTES: routes, ...environment },
  });
}

function cache(): Record<string, string> {
  const { NODE_COMPILE_CACHE: folder } = BARE_ENVIRONMENT;
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
