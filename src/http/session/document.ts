// Makes one small request over its own connection and returns the whole response. Used for PAC files. Requests that may
// share a connection use a `Session`.
//
// Guarantees: those of `running-request.ts`. The connection is always released. If the proxy accepted or rejected our
// credential, this is on disk before the function returns.

import type { Connection } from '#proxy/route.ts';
import { clientOver, refuseBulk, responseOf } from './client.ts';
import type { SendOptions, SmallResponse } from './running-request.ts';

export interface DocumentOptions extends SendOptions {
  /** Opened without `bulk`. */
  readonly connection: Connection;
}

/**
 * Sends one request and returns the whole response.
 * @throws CodedError of the connection's hop, RESPONSE-TIMEOUT, REQUEST-TIMEOUT, DOCUMENT-*, CONNECTION-LOST,
 * BAD-RESPONSE, TOO-MANY-INTERIM, CONTENT-ENCODED, ORIGIN-407; the reason of `signal` once it is aborted
 */
export async function requestDocument({ connection, ...options }: DocumentOptions): Promise<SmallResponse> {
  try {
    refuseBulk(connection);
    const client = await clientOver(connection, options.request.url.origin);
    return await responseOf(await client.send(options, { isLast: true }), connection);
  } finally {
    connection.release();
    await connection.settled();
  }
}
