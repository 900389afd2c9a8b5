// The type of a catalogue entry: everything that is defined for one failure code (`catalogue-*.ts`).

/** The class of a failure: it decides the exit status of a command (`exit-status.ts`). */
export type FailureClass =
  | 'config'
  | 'dns'
  | 'tcp'
  | 'auth'
  | 'policy'
  | 'tls'
  | 'ws'
  | 'timeout'
  | 'content'
  | 'http'
  | 'license'
  | 'system'
  | 'internal';

/** One row of a catalogue. */
export interface Entry {
  /** The sentence, a template over the facts. */
  readonly text: string;
  /** What to check or do, a template over the facts. */
  readonly check: string;
  /** The same for a failure at the server itself, to which no proxy leads, where that differs. */
  readonly checkAtOrigin?: string;
  readonly class: FailureClass;
  /**
   * `later`: the same attempt may succeed by itself, try again with back-off. `change`: it cannot until something is
   * changed here or there; it is tried again at the next scheduled round only. `never`: this very thing is
   * refused permanently.
   */
  readonly retry: 'later' | 'change' | 'never';
  /** It is found before anything leaves this host, although its class does not imply that. */
  readonly isLocal?: true;
}
