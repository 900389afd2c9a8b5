// Checks whether the server can be reached through the proxy, before a silent download is given up. It opens one tunnel
// to the server. Through a proxy that forwards plain HTTP, it requests HEAD of the feed.
//
// Guarantees: it ends within its limit or at the abort, never throws, and leaves no connection. It uses the route of
// the download, with the credential of the proxy, but sends none for the server.

import { exchange } from '#http/exchange.ts';
import type { Connection } from '#proxy/route.ts';
import type { FetchPorts } from './fetch-types.ts';

/** From here on, a response may be that of the proxy about an unreachable server. */
const FIRST_SERVER_ERROR = 500;

/** Whether the proxy of `held` reaches the server of `url` in this time. */
export async function reachesOrigin(
  ports: FetchPorts,
  { held, url, withinMs }: { readonly held: Connection; readonly url: URL; readonly withinMs: number },
  ended: AbortSignal,
): Promise<boolean> {
  const late = new AbortController();
  const timer = ports.clock.after(withinMs, () => late.abort(new Error('no answer in time')));
  const signal = AbortSignal.any([ended, late.signal]);
  // A package may be held back again, even its head.
  const target = url.origin === ports.configured.origin ? ports.configured : url;
  try {
    const route = ports.router.route(ports.purpose, target);
    const connection = await route.open({ bulk: false, signal, isRoutine: true });
    try {
      if (connection.facts.proxyUrl !== held.facts.proxyUrl) return false;
      return target.protocol === 'https:' || (await answersHead(ports, { connection, url: target, signal, withinMs }));
    } finally {
      connection.release();
    }
  } catch {
    return false;
  } finally {
    timer.cancel();
  }
}

async function answersHead(
  ports: FetchPorts,
  {
    connection,
    url,
    signal,
    withinMs,
  }: { readonly connection: Connection; readonly url: URL; readonly signal: AbortSignal; readonly withinMs: number },
): Promise<boolean> {
  const result = await exchange({
    connection,
    request: { method: 'HEAD', url, headers: { ...ports.headers(false), 'cache-control': 'no-cache' } },
    deadlines: { firstByteMs: withinMs, silenceMs: withinMs, totalMs: withinMs, key: 'response_timeout.probe' },
    clock: ports.clock,
    signal,
    expectedBytes: null,
    onHead: () => null,
  });
  return result.head !== null && result.ended !== 'failed' && result.head.status < FIRST_SERVER_ERROR;
}
