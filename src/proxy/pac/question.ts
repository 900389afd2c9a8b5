// What goes between the one who asks a PAC file and the thread in which it is asked. Data alone.

/** The longest text of an IPv4 address, with its length before it. */
export const ANSWER_BYTES = 16;
/** Before it, the number that the thread waits on. */
export const STATE_BYTES = 4;

export interface PacQuestion {
  readonly script: string;
  readonly url: string;
  readonly host: string;
  /** Where the address of a name is put: the number is 0 while the thread waits, then a length and so many characters. */
  readonly shared: SharedArrayBuffer;
}

/** What the thread says. */
export type PacReport =
  /** It waits for the address of a name. */
  | { readonly kind: 'look-up'; readonly host: string }
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'no-text'; readonly type: string }
  /** The file cannot be used at all. */
  | { readonly kind: 'broken'; readonly reason: string; readonly line: number | null }
  /** It failed at this question. */
  | { readonly kind: 'failed'; readonly reason: string };
