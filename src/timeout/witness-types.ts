// The data types of the rule about silent proxies (`witness.ts`). Times are in milliseconds on one monotonic clock.

/**
 * What a probe sends. `get`: a request for the proxy's own address. `options`: OPTIONS with Max-Forwards 0 (RFC 9110,
 * 7.6.2). `connect`: CONNECT without a credential, for a proxy that requires one. `greeting`: the first message of
 * SOCKS 5.
 */
export const PROBES = ['get', 'options', 'connect', 'greeting'] as const;
type WitnessProbe = (typeof PROBES)[number];

/** What a proxy has shown. It is kept over restarts. */
export interface WitnessRecord {
  /** The kind of probe that was answered while a transfer was open; null if none was. Without one there is no verdict. */
  readonly proven: WitnessProbe | null;
  /** A transfer broke when a probe was sent: this proxy is never probed again. */
  readonly harmful: boolean;
  /** The slowest answer, fading with later ones. */
  readonly worstMs: number;
  /** Failed probes that an answer or a byte disproved, fading with later answers; at most 4. */
  readonly disproved: number;
  /**
   * How often bytes of a transfer showed that a proxy lives that had never answered a probe; at most 9. Such a proxy
   * probably allows one connection only.
   */
  readonly unanswered: number;
}

export const UNKNOWN_PROXY: WitnessRecord = { proven: null, harmful: false, worstMs: 0, disproved: 0, unanswered: 0 };

/** A probe that was not answered yet. */
export interface OpenProbe {
  readonly id: number;
  readonly kind: WitnessProbe;
  readonly sentMs: number;
  /** When the connection was complete; null while it is not. */
  readonly acceptedMs: number | null;
  /** Whether its silence counts against the proxy; not if an answer or a byte came after it was sent. */
  readonly counts: boolean;
  /** Whether the time of its answer is a measurement; not over a suspend. */
  readonly measures: boolean;
}

/** All that is known of one proxy at one time. */
export interface Witness {
  readonly record: WitnessRecord;
  /** The silence of all transfers over the proxy; null if none is open. */
  readonly silence: {
    /** The last byte, or the beginning of the wait. */
    readonly sinceMs: number;
    /** The shortest deadline of these transfers for a silence. */
    readonly deadlineMs: number;
    readonly firstByteMs: number | null;
    /** The limit of a transfer has expired since the last byte. */
    readonly isExpired: boolean;
  } | null;
  /** Unanswered probes in the order in which they were sent. */
  readonly probes: readonly OpenProbe[];
  /** Probes since the first of these transfers began. */
  readonly sent: number;
  /** The last probe, and the pause after it if it is answered. */
  readonly lastSent: { readonly id: number; readonly atMs: number; readonly pauseMs: number } | null;
  /** The last answer, and how long it took; null if that was not measured. */
  readonly answer: { readonly atMs: number; readonly tookMs: number | null } | null;
  /** The last completed connection of a probe. */
  readonly connectedMs: number | null;
  /** A probe ended without an answer since the last byte. */
  readonly wasRefused: boolean;
}

/**
 * What to do with a transfer whose limit has expired. `end`: nothing shows that its proxy lives. `ask-server`: it lives.
 * `double`: it cannot be asked, because it never answered a probe or a probe breaks transfers. `wait`: a probe may still be
 * answered until then.
 */
export type AtLimit =
  | { readonly do: 'end' | 'ask-server' | 'double' }
  | { readonly do: 'wait'; readonly untilMs: number };

/** A limit of a transfer that has expired at `atMs`, and how long it was. */
export interface ExpiredLimit {
  readonly atMs: number;
  readonly limitMs: number;
  /** The limit for the whole transfer: until then bytes have arrived. */
  readonly isTotal: boolean;
}

export type WitnessEvent =
  /** The shortest deadline of the open transfers; null when the last one has ended, which closes all probes. */
  | { readonly kind: 'waits'; readonly atMs: number; readonly deadlineMs: number | null }
  /** A byte of any transfer over the proxy. */
  | { readonly kind: 'byte'; readonly atMs: number }
  /** `random` is from 0 to below 1. */
  | {
      readonly kind: 'sent';
      readonly atMs: number;
      readonly id: number;
      readonly probe: WitnessProbe;
      readonly random: number;
    }
  | { readonly kind: 'accepted'; readonly atMs: number; readonly id: number }
  | { readonly kind: 'answered'; readonly atMs: number; readonly id: number }
  /** Refused, reset or closed without an answer, or its name could not be resolved: no evidence at all. */
  | { readonly kind: 'ended'; readonly atMs: number; readonly id: number }
  /** A second connection of a transfer over the proxy was completed, which may break the first one as a probe may. */
  | { readonly kind: 'connected'; readonly atMs: number }
  /** The limit of a transfer over the proxy has expired. A proxy that never answered a probe is now asked. */
  | { readonly kind: 'expired'; readonly atMs: number }
  /** A transfer over the proxy broke. */
  | { readonly kind: 'cut'; readonly atMs: number }
  /** The host was suspended, or the event loop was late: what was open proves nothing. */
  | { readonly kind: 'disturbed'; readonly atMs: number };
