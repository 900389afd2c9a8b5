// Reads the default gateways of this host from the kernel's tables; none where it tells none. The tables are understood by
// `system/network/gateway.ts`.

import { parseGateways, ROUTE_FILES } from '#system/network/gateway.ts';
import { readBounded } from './read-bounded.ts';

const MAX_TABLE_BYTES = 1_048_576;

/** Addresses of the default gateways, IPv4 first. */
export async function readGateways(): Promise<readonly string[]> {
  const [v4, v6] = await Promise.all([readText(ROUTE_FILES.v4), readText(ROUTE_FILES.v6)]);
  return parseGateways({ v4, v6 });
}

async function readText(path: string): Promise<string> {
  const read = await readBounded(path, MAX_TABLE_BYTES);
  return read.ok ? Buffer.from(read.bytes).toString('latin1') : '';
}
