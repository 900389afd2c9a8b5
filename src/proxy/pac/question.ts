// The data exchanged between the caller of a PAC file and the thread that evaluates it. Data only.

/** Space for the addresses of a name: at most `MAX_ADDRESSES`, each with at most 45 characters and a separator. */
export const ANSWER_BYTES = 1_024;
export const MAX_ADDRESSES = 16;
/** Bytes before the addresses: the number that the thread waits on, and the length of the result. */
export const STATE_BYTES = 8;

export interface PacQuestion {
  readonly script: string;
  readonly url: string;
  readonly host: string;
  /** Wall time of the evaluation in ms since the epoch, for the date and time functions. */
  readonly nowMs: number;
  /** Receives the addresses of a name; the first number is 0 while the thread waits. */
  readonly shared: SharedArrayBuffer;
}

/** The addresses that a file may request: `dnsResolve` supports only IPv4, `dnsResolveEx` both families. */
export type Family = 'ipv4' | 'any';

/** A message from the thread. */
export type PacReport =
  /** The thread waits for the addresses of a name. */
  | { readonly kind: 'look-up'; readonly host: string; readonly family: Family }
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'no-text'; readonly type: string }
  /** The file cannot be used at all. */
  | { readonly kind: 'broken'; readonly reason: string; readonly line: number | null }
  /** The file failed for this input. */
  | { readonly kind: 'failed'; readonly reason: string };
