// Reads the default gateways of this host from the routing tables of the kernel. If the tables cannot be read, the list
// is empty. `system/network/gateway.ts` parses the tables.

import { parseGateways, ROUTE_FILES } from '#system/network/gateway.ts';
import { readBounded } from './read-bounded.ts';

const MAX_TABLE_BYTES = 1_048_576;

/** The addresses of the default gateways, IPv4 first. Never throws. */
export async function readGateways(): Promise<readonly string[]> {
  const [v4, v6] = await Promise.all([readText(ROUTE_FILES.v4), readText(ROUTE_FILES.v6)]);
  return parseGateways({ v4, v6 });
}

async function readText(path: string): Promise<string> {
  const read = await readBounded(path, MAX_TABLE_BYTES);
  return read.ok ? Buffer.from(read.bytes).toString('latin1') : '';
}
