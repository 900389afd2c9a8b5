// Runs `sallyport systemd dropin`: reads the configuration, and looks up the addresses of its proxies.

import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { dropInLines, nameServersIn } from '#cli/systemd/drop-in.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { EndpointList } from '#control/endpoints.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { lookUps } from '#proxy/pac/look-up.ts';
import { readWhole } from '#system/durable.ts';
import { realFiles } from '#system/real-files.ts';

const RESOLVER_FILE = '/etc/resolv.conf';
/** resolv.conf(5): a resolver reads only the first servers, so a longer file is not one. */
const MAX_RESOLVER_BYTES = 65_536;

/** Prints the drop-in. @throws CodedError FILE-* if the list of name servers exists but cannot be read */
export async function printDropIn(
  terminal: Terminal,
  loaded: LoadedSettings,
  { endpoints, privateUsers }: { readonly endpoints: EndpointList; readonly privateUsers: boolean },
): Promise<number> {
  const { settings, file } = loaded;
  const addresses = await Promise.all(
    endpoints.proxies.map(async ({ name, address }) => [name, await addressesOf(address)] as const),
  );
  const lines = dropInLines({
    file,
    secretsFolder: join(dirname(file), 'secrets'),
    credentials: credentialsOf(loaded),
    endpoints,
    addresses: new Map(addresses),
    nameServers: await readNameServers(),
    usersNeeded: [
      ...(settings.exposure_analytics.enabled ? ['Programs of other users submit exposure analytics.'] : []),
      ...(settings.control.operate_group === undefined ? [] : ['control.operate_group names a group of this host.']),
    ],
    privateUsers,
  });
  for (const line of lines) terminal.out(line);
  return EXIT_OK;
}

/** The names in `{credential: NAME}`, sorted. */
function credentialsOf({ secretUses }: LoadedSettings): string[] {
  const names = secretUses.flatMap(({ source }) => {
    const { credential } = JSON.parse(source) as { readonly credential?: string };
    return credential === undefined ? [] : [credential];
  });
  return [...new Set(names)].sort();
}

async function addressesOf(address: string | null): Promise<readonly string[]> {
  if (address === null) return [];
  if (isIP(address) !== 0) return [address];
  return [...new Set(await lookUps(true).lookUp(address, 'any'))].sort();
}

async function readNameServers(): Promise<string[]> {
  if ((await realFiles.facts(RESOLVER_FILE)) === null) return [];
  return nameServersIn(Buffer.from(await readWhole(realFiles, RESOLVER_FILE, MAX_RESOLVER_BYTES)).toString('utf8'));
}
