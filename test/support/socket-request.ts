// One HTTP request to a control socket, as bytes that no client of ours has checked.

import { request } from 'node:http';

export interface SocketRequest {
  readonly socket: string;
  readonly method: string;
  /** Sent as it is. */
  readonly path: string;
  readonly body?: string | undefined;
}

/** The body of the response, or the error of the connection. */
export interface SocketResult {
  readonly answer: string | null;
  readonly error: string;
}

const LIMIT_MS = 20_000;

export function sendToSocket({ socket, method, path, body }: SocketRequest): Promise<SocketResult> {
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ answer: null, error: error.message });
    const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const options = { socketPath: socket, method, path, headers, agent: false, signal: AbortSignal.timeout(LIMIT_MS) };
    const sent = request(options, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        answer += chunk;
      });
      response.once('error', fail);
      response.once('end', () => resolve({ answer, error: '' }));
    });
    sent.once('error', fail);
    sent.end(body);
  });
}
