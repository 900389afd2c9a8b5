// A `Connection` over a real loopback socket, without the proxy module: for tests of what is sent over it. With `bulk` the
// socket passes every byte to its consumer through one reused buffer, as src/proxy does.

import { connect, type Socket } from 'node:net';
import { originAt, proxyAt } from '#errors/hop.ts';
import type { BulkReader, Connection, ResponseHead } from '#proxy/route.ts';

export interface PlainConnectionOptions {
  readonly port: number;
  readonly bulk?: boolean;
  /** As through a forwarding proxy: absolute request targets. */
  readonly form?: 'origin' | 'absolute';
  readonly requestHeaders?: Readonly<Record<string, string>>;
  readonly validateResponse?: (head: ResponseHead, url: string) => void;
}

export interface PlainConnection extends Connection {
  readonly socket: Socket;
  /** How often release was called. */
  releases: number;
}

/** Dials 127.0.0.1; resolves when connected. */
export function openPlainConnection(options: PlainConnectionOptions): Promise<PlainConnection> {
  const bulk = options.bulk === true ? new TestBulk() : null;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: options.port,
      ...(bulk === null ? {} : { onread: bulk.onread }),
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(connectionOver(socket, options, bulk));
    });
  });
}

/** A connection over a socket that is open already. */
function connectionOver(
  socket: Socket,
  options: PlainConnectionOptions,
  bulk: BulkReader | null = null,
): PlainConnection {
  const form = options.form ?? 'origin';
  const host = '127.0.0.1';
  return {
    socket,
    form,
    facts: {
      proxy: form === 'absolute' ? 'corp' : null,
      proxyUrl: form === 'absolute' ? `http://${host}:${options.port}` : 'direct',
      how: form === 'absolute' ? 'forward' : 'direct',
      host,
      port: options.port,
      hop: form === 'absolute' ? proxyAt('corp', `${host}:${options.port}`) : originAt(`${host}:${options.port}`),
      passed: ['dial'],
    },
    headersFor: () => options.requestHeaders ?? {},
    bulk,
    validateResponse: options.validateResponse ?? (() => {}),
    classifyNoise: () => null,
    settled: () => Promise.resolve(null),
    releases: 0,
    release() {
      this.releases += 1;
      socket.destroy();
    },
  };
}

class TestBulk implements BulkReader {
  readonly #buffer = Buffer.alloc(65_536);
  #consumer: ((chunk: Uint8Array) => void) | null = null;
  readonly #early: Buffer[] = [];

  get onread() {
    return {
      buffer: this.#buffer,
      callback: (length: number) => {
        const chunk = this.#buffer.subarray(0, length);
        if (this.#consumer === null) this.#early.push(Buffer.from(chunk));
        else this.#consumer(chunk);
        return true;
      },
    };
  }

  consume(onBytes: (chunk: Uint8Array) => void): void {
    this.#consumer = onBytes;
    for (const chunk of this.#early.splice(0)) onBytes(chunk);
  }
}
