// Finds out which protocol a port uses, after it did not answer as its scheme requires. Used only by a diagnosis.
//
// Guarantees: only the first message of each protocol is sent, and no part of a request, a user or a password. Each try
// has its own connection, which ends within its limit or at the abort and leaves no socket.

import type { Code } from '#errors/catalogue.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { boundedStep } from '#proxy/bounded-step.ts';
import type { Clock } from '#system/clock.ts';
import { pump } from './connect-answer.ts';
import { dial } from './dial.ts';

export type SpokenProtocol = 'TLS' | 'SOCKS' | 'HTTP';

interface PortToProbe {
  readonly host: string;
  readonly port: number;
  /** Name of the profile; `hop` is for failures. */
  readonly proxy: string;
  readonly hop: Hop;
}

interface ProbeBounds {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Failures of a handshake in which the peer did speak TLS. */
const SPOKE_TLS: ReadonlySet<Code> = new Set<Code>([
  'PROXY-TLS-UNTRUSTED',
  'PROXY-TLS-NAME',
  'PROXY-TLS-CLOCK',
  'PROXY-TLS-EXPIRED',
]);

/** RFC 1928, 3: version 5, one method, no authentication. */
const SOCKS_GREETING = Buffer.from([5, 1, 0]);
const HTTP_REQUEST = Buffer.from('OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');

/**
 * The first of these protocols that the port speaks; null if none.
 * @throws the reason of the signal
 */
export async function probePort(
  at: PortToProbe,
  protocols: readonly SpokenProtocol[],
  bounds: ProbeBounds,
): Promise<SpokenProtocol | null> {
  for (const protocol of protocols) {
    const speaks = await (protocol === 'TLS' ? speaksTls(at, bounds) : answersTo(at, protocol, bounds));
    bounds.signal.throwIfAborted();
    if (speaks) return protocol;
  }
  return null;
}

async function speaksTls(at: PortToProbe, bounds: ProbeBounds): Promise<boolean> {
  const [{ startTls }, { TrustContexts }] = await Promise.all([
    import('#proxy/tls/tls.ts'),
    import('#proxy/tls/trust.ts'),
  ]);
  const trust = new TrustContexts({});
  try {
    const { socket } = await dial(at, { ...bounds, bulk: false });
    const context = trust.contextFor('');
    const secured = await startTls(socket, { side: 'proxy', ...at }, { ...bounds, context, expected: trust.expected });
    secured.destroy();
    socket.destroy();
    return true;
  } catch (thrown) {
    return SPOKE_TLS.has(asCoded(thrown).code);
  }
}

async function answersTo(at: PortToProbe, protocol: 'SOCKS' | 'HTTP', bounds: ProbeBounds): Promise<boolean> {
  const late = () => new Error('no answer');
  try {
    const { socket } = await dial(at, { ...bounds, bulk: false });
    const first = boundedStep<Buffer>({ ...bounds, late }, ({ done }) => {
      const unlisten = pump(socket, {
        onBytes: done,
        onEnd: () => done(Buffer.alloc(0)),
        onBroken: () => done(Buffer.alloc(0)),
      });
      socket.write(protocol === 'SOCKS' ? SOCKS_GREETING : HTTP_REQUEST);
      return unlisten;
    });
    const bytes = await first.finally(() => socket.destroy());
    return protocol === 'SOCKS' ? bytes[0] === 5 : bytes.toString('latin1', 0, 5) === 'HTTP/';
  } catch {
    return false;
  }
}
