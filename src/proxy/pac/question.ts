// What goes between the one who asks a PAC file and the thread in which it is asked. Data alone.

/** Room for the addresses of a name: at most `MAX_ADDRESSES`, each at most 45 characters long, and a separator each. */
export const ANSWER_BYTES = 1_024;
export const MAX_ADDRESSES = 16;
/** Before them, the number that the thread waits on, and the number of bytes of the answer. */
export const STATE_BYTES = 8;

export interface PacQuestion {
  readonly script: string;
  readonly url: string;
  readonly host: string;
  /** Wall time of the question, in milliseconds since the epoch: what the functions of dates and times go by. */
  readonly nowMs: number;
  /** Where the addresses of a name are put: the first number is 0 while the thread waits. */
  readonly shared: SharedArrayBuffer;
}

/** The addresses that a file may want of a name: `dnsResolve` knows IPv4 alone, `dnsResolveEx` both. */
export type Family = 'ipv4' | 'any';

/** What the thread says. */
export type PacReport =
  /** It waits for the addresses of a name. */
  | { readonly kind: 'look-up'; readonly host: string; readonly family: Family }
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'no-text'; readonly type: string }
  /** The file cannot be used at all. */
  | { readonly kind: 'broken'; readonly reason: string; readonly line: number | null }
  /** It failed at this question. */
  | { readonly kind: 'failed'; readonly reason: string };
