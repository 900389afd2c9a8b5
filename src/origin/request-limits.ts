// Ends requests whose body does not arrive. A small request has a limit for its total time. An upload is ended when it
// makes no progress.
//
// An upload of 256 MiB over a slow line takes an hour, so uploads have no limit for the total time. Instead, each
// interval must bring a minimum number of bytes. Node's own request timeout is turned off, because it cannot exclude
// uploads.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '#system/clock.ts';

/** Times in milliseconds. */
export interface BodyLimits {
  /** For the whole body of a request that is not an upload. */
  readonly requestMs: number;
  /** An upload brings at least `progressBytes` in each interval. */
  readonly progressMs: number;
  readonly progressBytes: number;
}

const REQUEST_TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** Watches one request until its response has ended. */
export function limitBody(
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  { isUpload, limits, clock }: { readonly isUpload: boolean; readonly limits: BodyLimits; readonly clock: Clock },
): void {
  const { socket } = request;
  let before = socket.bytesRead;
  const timer = clock.after(isUpload ? limits.progressMs : limits.requestMs, () => {
    if (request.complete) return;
    const isMoving = isUpload && socket.bytesRead - before >= limits.progressBytes;
    before = socket.bytesRead;
    if (isMoving) {
      timer.restart();
      return;
    }
    if (!response.headersSent) socket.write(REQUEST_TIMEOUT);
    socket.destroySoon();
  });
  response.once('close', () => timer.cancel());
}
