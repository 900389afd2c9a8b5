// The kernel's table of TCP sockets over IPv4, on Linux.

import { existsSync, readFileSync } from 'node:fs';

const PATH = '/proc/net/tcp';
/** Times in the table are in 100ths of a second. */
const TICK_MS = 10;

export const HAS_TCP_TABLE = existsSync(PATH);

interface TcpRow {
  /** Bytes that the other side has not confirmed, and bytes that were not read. */
  readonly unsent: number;
  readonly unread: number;
  /** When the next keep-alive probe is sent, in milliseconds; null if none is planned. */
  readonly keepAliveMs: number | null;
}

/** The socket between two ports of this host, as its owner has it. Null if it is closed. */
export function tcpRow(localPort: number, remotePort: number): TcpRow | null {
  const rows = readFileSync(PATH, 'utf8').split('\n');
  const ends = [localPort, remotePort].map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  const cells = rows
    .map((row) => row.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(ends[0] ?? '') && remote?.endsWith(ends[1] ?? ''));
  if (cells === undefined) return null;
  const [unsent = 0, unread = 0] = (cells[4] ?? '').split(':').map((hex) => Number.parseInt(hex, 16));
  const [timer, ticks = ''] = (cells[5] ?? '').split(':');
  return { unsent, unread, keepAliveMs: timer === '02' ? TICK_MS * Number.parseInt(ticks, 16) : null };
}
