// Ends the process within a limit after a stop was requested, even if something hangs, such as a connection that does
// not close or a write that a failed disk never completes.
//
// Guarantees: the tasks that are still running are named first (STOP-FORCED). The timer does not keep the process
// alive. The effect is that of kill -9, after which every module can continue. If the event loop is blocked, this timer
// cannot fire, and the limit of the service manager ends the process.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';

/** Below the promised 10 s, with a reserve for the last log lines. */
const LIMIT_MS = 9_000;

/** Knows which work is running, and can report the forced end. */
export interface EndListener {
  /** The running work in words, such as `a round`; empty when there is none. */
  running(): readonly string[];
  /** Called right before the end; must not wait. */
  onForcedEnd(error: CodedError): void;
}

export interface LastResortOptions {
  readonly limitMs: number;
  /** Kinds of resources that keep the process alive, as Node names them. */
  readonly resources: () => readonly string[];
  /** Ends the process; returns only in tests. */
  readonly end: (resources: readonly string[]) => void;
}

const REAL: LastResortOptions = { limitMs: LIMIT_MS, resources: () => process.getActiveResourcesInfo(), end: exitNow };

/** Ends the process when the limit has passed after `arm`. */
export class LastResort {
  readonly #options: LastResortOptions;
  readonly #listeners = new Set<EndListener>();
  #armed = false;

  constructor(options: LastResortOptions = REAL) {
    this.#options = options;
  }

  /** Adds a listener; the returned function removes it. */
  register(listener: EndListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts the time limit; arming twice changes nothing. */
  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setTimeout(() => this.#force(), this.#options.limitMs).unref();
  }

  /** Calls `onForcedEnd` of every listener at once. One that throws does not stop the others. */
  notifyListeners(error: CodedError): void {
    for (const listener of this.#listeners) {
      try {
        listener.onForcedEnd(error);
      } catch {
        // The process is about to end, and nothing can report this.
      }
    }
  }

  #force(): void {
    const { limitMs, resources, end } = this.#options;
    const alive = resources();
    try {
      const named = [...this.#listeners].flatMap((listener) => listener.running());
      this.notifyListeners(coded('STOP-FORCED', { limit: limitMs, still: named.length > 0 ? named : inWords(alive) }));
    } catch {
      // The process must end anyway.
    }
    end(alive);
  }
}

/**
 * Dies of a signal as if it had no listener. Not `process.exit`: that waits for every thread of libuv's pool, so a
 * stuck write or name lookup would block it forever.
 */
export function dieOf(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL'): void {
  if (signal !== 'SIGKILL') process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Exits with the status of the failure, or by SIGKILL if a thread or a blocked terminal could hold the process. */
function exitNow(resources: readonly string[]): void {
  const isStuck = resources.includes('TTYWrap') || !resources.every((name) => HARMLESS.has(name));
  if (!isStuck) process.exit(EXIT_STATUS.system);
  dieOf('SIGKILL');
}

/** Resources that do not use a thread of libuv's pool, each with a name for people. */
const HARMLESS: ReadonlyMap<string, string> = new Map([
  ['TCPSocketWrap', 'an open connection'],
  ['TCPConnectWrap', 'a connection attempt'],
  ['TCPServerWrap', 'a listening port'],
  ['TLSWrap', 'a TLS connection'],
  ['PipeWrap', 'a pipe'],
  ['PipeConnectWrap', 'a pipe'],
  ['PipeServerWrap', 'the control socket'],
  ['TTYWrap', 'the terminal'],
  ['ShutdownWrap', 'a closing connection'],
  ['WriteWrap', 'a send'],
  ['ProcessWrap', 'another process'],
  ['Timeout', 'a timer'],
  ['Immediate', 'a callback'],
]);

function inWords(resources: readonly string[]): string[] {
  const kinds = resources.map((name) => {
    if (name.startsWith('FSReq')) return 'a file operation';
    if (name.startsWith('GetAddrInfo')) return 'a name lookup';
    return HARMLESS.get(name) ?? 'an unnamed resource';
  });
  return [...new Set(kinds)];
}
