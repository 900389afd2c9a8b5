// One small request over a lane of its own, answered as a whole: a PAC file. What may be sent over a connection that
// others use as well goes over a `Session`.
//
// Guarantees: those of `running-request.ts`. The lane is released in every case, and what it said of our credential is on
// disk.

import type { Lane } from '#proxy/route.ts';
import { connectionOver, refuseBulk, responseOf } from './connection.ts';
import type { SendOptions, SmallResponse } from './running-request.ts';

export interface DocumentOptions extends SendOptions {
  /** Opened without `bulk`. */
  readonly lane: Lane;
}

/**
 * Asks once and takes the whole answer.
 * @throws CodedError of the lane's hop, RESPONSE-TIMEOUT, REQUEST-TIMEOUT, DOCUMENT-*, CONNECTION-LOST, BAD-RESPONSE,
 * TOO-MANY-INTERIM, CONTENT-ENCODED, ORIGIN-407; the reason of `signal` once it is aborted
 */
export async function requestDocument({ lane, ...options }: DocumentOptions): Promise<SmallResponse> {
  try {
    refuseBulk(lane);
    const connection = await connectionOver(lane, options.request.url.origin);
    return await responseOf(await connection.send(options, { isLast: true }), lane);
  } finally {
    lane.release();
    await lane.settled();
  }
}
