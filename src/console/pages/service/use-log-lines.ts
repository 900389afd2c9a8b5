// Follows the log for the page that shows it: the last lines first, then new ones, shown four times a second. After a
// lost connection, it continues with the line after its last one. While the tab is hidden, nothing is read.

import { useEffect, useRef, useState } from 'preact/hooks';
import { type ConsoleRefusal, consoleRefusalOf, isAborted, streamVerb } from '#console/pages/link/api.ts';
import { runLater } from '#console/pages/link/browser-clock.ts';
import { feed } from '#console/pages/link/console-context.ts';
import type { Followed, FollowRequest } from '#control/follow.ts';
import { type FollowedLine, MAX_ROWS, withLines } from './log-lines.ts';

const SHOW_MS = 250;
const RETRY_MS = 5_000;
/** Lines before the newest one that are shown first. */
const BACKLOG = 200;

export interface FollowedLog {
  readonly lines: readonly FollowedLine[];
  readonly skipped: number;
  readonly refusal: ConsoleRefusal | null;
  readonly isPaused: boolean;
  /** New lines that are not shown while it is paused. */
  readonly held: number;
  togglePause(): void;
}

interface ShownLog {
  readonly lines: readonly FollowedLine[];
  readonly skipped: number;
  readonly refusal: ConsoleRefusal | null;
  readonly held: number;
}

export function useLogLines(): FollowedLog {
  const [shown, setShown] = useState<ShownLog>({ lines: [], skipped: 0, refusal: null, held: 0 });
  const [isPaused, setPaused] = useState(false);
  const paused = useRef(false);
  const follower = useRef<LogFollower | null>(null);
  useEffect(() => {
    const started = new LogFollower((log) => setShown(log), paused);
    follower.current = started;
    return started.begin();
  }, []);
  const togglePause = () => {
    paused.current = !paused.current;
    setPaused(paused.current);
    follower.current?.show();
  };
  return { ...shown, isPaused, togglePause };
}

class LogFollower {
  readonly #onShow: (log: ShownLog) => void;
  readonly #paused: { readonly current: boolean };
  #lines: readonly FollowedLine[] = [];
  #fresh: FollowedLine[] = [];
  #skipped = 0;
  #refusal: ConsoleRefusal | null = null;
  #run: string | null = null;
  /** Where to begin, before the first line. */
  #from = 0;
  #stream: AbortController | null = null;
  #cancelShow: (() => void) | null = null;
  #cancelRetry: () => void = () => undefined;

  constructor(onShow: (log: ShownLog) => void, paused: { readonly current: boolean }) {
    this.#onShow = onShow;
    this.#paused = paused;
  }

  begin(): () => void {
    const release = feed.lendStream();
    const onVisibility = () => (document.visibilityState === 'hidden' ? this.#rest() : this.#open());
    document.addEventListener('visibilitychange', onVisibility);
    onVisibility();
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      this.#rest();
      release();
    };
  }

  #rest(): void {
    this.#stream?.abort();
    this.#stream = null;
    this.#cancelRetry();
    this.#cancelShow?.();
    this.#cancelShow = null;
  }

  #open(): void {
    if (this.#stream !== null) return;
    const stream = new AbortController();
    this.#stream = stream;
    const handlers = {
      onEvent: (event: Followed) => this.#hear(event),
      onSkipped: (count: number) => {
        this.#skipped += count;
        this.#plan();
      },
      signal: stream.signal,
    };
    const ended = () => this.#again(stream, RETRY_MS);
    streamVerb('follow', handlers, { after: this.#after() }).then(ended, (thrown: unknown) => {
      if (isAborted(thrown)) return;
      this.#refusal = consoleRefusalOf(thrown);
      feed.note(this.#refusal);
      this.#plan();
      this.#again(stream, RETRY_MS);
    });
  }

  #after(): FollowRequest['after'] {
    const last = this.#fresh.at(-1) ?? this.#lines.at(-1);
    return this.#run === null ? null : { run: this.#run, number: last?.number ?? this.#from };
  }

  /** Opens the stream again, unless it was ended in the meantime. */
  #again(stream: AbortController, ms: number): void {
    if (this.#stream !== stream) return;
    stream.abort();
    this.#stream = null;
    this.#cancelRetry = runLater(ms, () => this.#open());
  }

  #hear(event: Followed): void {
    this.#refusal = null;
    feed.hear(event);
    if (event.kind === 'start') this.#start(event);
    if (event.kind !== 'line') return;
    this.#fresh.push(event);
    // While it is paused, only as many are kept as can be shown.
    if (this.#fresh.length > MAX_ROWS * 2) this.#fresh = this.#fresh.slice(-MAX_ROWS);
    this.#plan();
  }

  /** The numbers start over with each process of the daemon. The first stream only tells which process it is. */
  #start({ run, newest, missed }: Extract<Followed, { kind: 'start' }>): void {
    const isFirst = this.#run !== run;
    this.#skipped += missed;
    if (!isFirst) return;
    this.#run = run;
    this.#fresh = [];
    this.#lines = [];
    this.#plan();
    this.#from = Math.max(0, newest - BACKLOG);
    if (newest > 0 && this.#stream !== null) this.#again(this.#stream, 0);
  }

  #plan(): void {
    this.#cancelShow ??= runLater(SHOW_MS, () => {
      this.#cancelShow = null;
      this.show();
    });
  }

  show(): void {
    if (!this.#paused.current) {
      this.#lines = withLines(this.#lines, this.#fresh);
      this.#fresh = [];
    }
    this.#onShow({ lines: this.#lines, skipped: this.#skipped, refusal: this.#refusal, held: this.#fresh.length });
  }
}
