// Faults that tests of agents can switch on in a platform. Without a fault, the platform behaves as documented.

/** What a platform does wrong. The defaults are off. */
export interface PlatformFaults {
  /** Answers each upgrade with this status instead of 101. */
  readonly refuseUpgrade: RefusedByFault | null;
  /** Answers each poll with this status. */
  readonly refusePoll: RefusedByFault | null;
  /** Does not answer pings. */
  readonly noPong: boolean;
  /** Sends nothing more on a connection after this number of messages, and keeps it open. */
  readonly silentAfter: number | null;
  /** Closes a WebSocket with a code after this number of messages. */
  readonly closeAfter: { readonly messages: number; readonly code: number } | null;
  /** Sends each command this number of times. */
  readonly copies: number;
  /** Sends waiting commands in the reverse order. */
  readonly reorder: boolean;
  /** Neither stores nor acknowledges results. */
  readonly forgetResults: boolean;
  /** Requests a delay of this number of seconds after each `hello`. */
  readonly delaySeconds: number | null;
  /** Sends this text, or binary frame, after each `hello`. */
  readonly raw: string | Uint8Array | null;
  /** Added to the clock that checks signatures, in milliseconds. */
  readonly clockOffsetMs: number;
  /** Answers each request to `/activation` with this code. */
  readonly activation: string | null;
}

interface RefusedByFault {
  readonly status: number;
  readonly retryAfterSeconds?: number;
}

const NONE: PlatformFaults = {
  refuseUpgrade: null,
  refusePoll: null,
  noPong: false,
  silentAfter: null,
  closeAfter: null,
  copies: 1,
  reorder: false,
  forgetResults: false,
  delaySeconds: null,
  raw: null,
  clockOffsetMs: 0,
  activation: null,
};

/** The switches of one server. */
export class FaultSwitches {
  #now: PlatformFaults = NONE;

  get now(): PlatformFaults {
    return this.#now;
  }

  /** Changes some switches and keeps the others. */
  set(changed: Partial<PlatformFaults>): void {
    this.#now = { ...this.#now, ...changed };
  }

  clear(): void {
    this.#now = NONE;
  }
}

/** The order and the number of copies in which waiting commands are sent. */
export function misorder<One>(commands: readonly One[], { copies, reorder }: PlatformFaults): readonly One[] {
  const ordered = reorder ? commands.toReversed() : commands;
  return ordered.flatMap((one) => Array.from({ length: copies }, () => one));
}
