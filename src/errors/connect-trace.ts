// How far a connection or exchange came before it failed: the phase that failed, and the phases that succeeded before.
//
// A trace consists of phases and numbers and has no text from outside. It is therefore sent over the control socket and
// written to JSON without changes.

/** The phases of reaching a target, in their order. A phase that a connection does not need is skipped. */
export const CONNECT_PHASES = [
  'choice',
  'resolve',
  'dial',
  'proxy_tls',
  'tunnel',
  'authentication',
  'tls',
  'request',
  'response',
] as const;
export type ConnectPhase = (typeof CONNECT_PHASES)[number];

/** How far a connection or exchange came before it failed. */
export interface ConnectTrace {
  /** In which it failed. */
  readonly phase: ConnectPhase;
  /** How long that phase took, in milliseconds. */
  readonly elapsedMs: number;
  /** What had gone well before, in order. */
  readonly proven: readonly ConnectPhase[];
}

/** What a phase proves when it goes well, in words. */
const PROVES: Readonly<Record<ConnectPhase, string | null>> = {
  choice: null,
  resolve: 'name resolution',
  dial: 'connection',
  proxy_tls: 'TLS to the proxy',
  tunnel: 'tunnel',
  authentication: 'user and password',
  tls: 'TLS to the target',
  request: 'request',
  response: null,
};

/** `Already succeeded: name resolution, connection.`; empty when nothing was. */
export function provenSentence({ proven }: ConnectTrace): string {
  // A second connection, as Digest may need one, proves nothing more.
  const words = [...new Set(proven.flatMap((phase) => PROVES[phase] ?? []))];
  return words.length === 0 ? '' : `Already succeeded: ${words.join(', ')}.`;
}

/** Reads a trace that came from outside; null if it is not one. */
export function readConnectTrace(raw: unknown): ConnectTrace | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const { phase, elapsedMs, proven } = raw as { readonly [K in keyof ConnectTrace]?: unknown };
  const isPhase = (value: unknown): value is ConnectPhase => CONNECT_PHASES.some((known) => known === value);
  if (!isPhase(phase) || typeof elapsedMs !== 'number' || !Array.isArray(proven) || !proven.every(isPhase)) return null;
  return { phase, elapsedMs, proven };
}
