// Receives one response while its proxy is watched (`hold-watch.ts`). Results of probes go to the observer of the
// attempt. Bytes and the end of the response go to the watch.

import type { ExchangeResult, Throttle } from '#http/exchange.ts';
import { type Connection, canLookInside } from '#proxy/route.ts';
import type { TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import type { FetchPorts, Worth } from './fetch-types.ts';
import type { LimitDecision } from './hold-watch.ts';
import { reachesOrigin } from './origin-check.ts';

/** What the watch adds to an exchange. */
export interface Watched {
  /** Aborted like the one of the attempt, and with PROXY-GONE when the proxy is dead. */
  readonly signal: AbortSignal;
  /** Bytes of the body arrived. */
  bytes(): void;
  /** The same limit. The watch learns of its pauses, which do not count as silence. */
  throttled(throttle: Throttle | undefined): Throttle | undefined;
  /** Another connection to the proxy was opened. */
  connected(): void;
  /** One of two requests broke. */
  broke(): void;
  /**
   * Finds out, after a limit has expired, whether to wait longer. Null if nothing shows that the proxy lives.
   */
  isWorthMore(expired: TimeoutPhase): Promise<Worth> | null;
}

const UNWATCHED = { throttled: asItIs, bytes: () => {}, connected: () => {}, broke: () => {}, isWorthMore: () => null };

/** @throws CodedError PROXY-GONE; the reason of the signal; what `work` throws */
export async function whileWatched<T extends { readonly result: ExchangeResult }>(
  ports: FetchPorts,
  held: {
    readonly connection: Connection;
    readonly url: URL;
    readonly plan: TimeoutPlan;
    readonly signal: AbortSignal;
  },
  work: (watched: Watched) => Promise<T>,
): Promise<T> {
  const { connection, url, plan } = held;
  const { facts } = connection;
  const at = { proxy: facts.proxy, scans: canLookInside(facts, url) };
  const hold =
    ports.witnesses?.watch(connection, Math.min(plan.firstByteMs, plan.silenceMs), {
      answered: (tookMs) => ports.watch.probed?.(at, { tookMs }),
      silent: (unanswered, forMs) => ports.watch.probed?.(at, { unanswered, forMs }),
    }) ?? null;
  if (hold === null) return await work({ ...UNWATCHED, signal: held.signal });
  const signal = AbortSignal.any([held.signal, hold.signal]);
  // A proxy that lives may be scanning. While bytes arrive, no probe is needed to show that it lives.
  const worthOf = async (decision: LimitDecision): Promise<Worth> => {
    if (decision === 'end') return 'no';
    if (decision === 'double') return 'alone';
    const asked = { held: connection, url, withinMs: hold.serverMs };
    return (await reachesOrigin(ports, asked, signal)) ? 'reached' : 'unreached';
  };
  const isWorthMore = (expired: TimeoutPhase) => {
    const decision = hold.atLimit({ limitMs: limitOf(plan, expired), isTotal: expired === 'total' });
    if (decision === 'end') return null;
    return typeof decision === 'string' ? worthOf(decision) : decision.then(worthOf);
  };
  let how: 'cut' | 'other' = 'other';
  try {
    const received = await work({
      ...{ signal, isWorthMore },
      bytes: () => hold.bytes(),
      throttled: (throttle) => throttle && observed(throttle, (isPaused) => hold.reading(isPaused)),
      connected: () => hold.connected(),
      broke: () => hold.broke(),
    });
    const { result } = received;
    if (result.ended === 'failed' && result.error.code === 'CONNECTION-LOST') how = 'cut';
    return received;
  } finally {
    hold.ended(how);
  }
}

function asItIs(throttle: Throttle | undefined): Throttle | undefined {
  return throttle;
}

/** The limit of a plan that a phase has, in milliseconds. */
export function limitOf({ firstByteMs, silenceMs, totalMs }: TimeoutPlan, phase: TimeoutPhase): number {
  return { first_byte: firstByteMs, silence: silenceMs, total: totalMs }[phase];
}

function observed(throttle: Throttle, paused: (isPaused: boolean) => void): Throttle {
  return {
    ready: (signal) => throttle.ready(signal),
    limit: (reading) =>
      throttle.limit({
        pause: () => {
          paused(true);
          reading.pause();
        },
        resume: () => {
          paused(false);
          reading.resume();
        },
      }),
  };
}
