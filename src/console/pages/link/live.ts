// Keeps what every page needs: the session, the status of the daemon, and whether both are up to date.
//
// While the tab is visible, a stream of the log says when to read the status again, and the status is also read from time to
// time. If the console allows no more streams, the status is read every 5 s. A hidden tab sends nothing. After a failure the
// last status stays, with the time at which it was read.

import type { ConsoleSession } from '#console/wire.ts';
import type { Status } from '#control/control.ts';
import type { Followed } from '#control/follow.ts';
import {
  type ConsoleRefusal,
  callVerb,
  consoleRefusalOf,
  forgetToken,
  getJson,
  hasToken,
  isAborted,
  streamVerb,
} from './api.ts';
import { browserTime, runLater } from './browser-clock.ts';

/**
 * loading: nothing is known yet; live: up to date; stopped: the daemon does not answer; disconnected: the console does not
 * answer; over: the session has ended; none: this tab never had a session.
 */
type PageLink = 'loading' | 'live' | 'stopped' | 'disconnected' | 'over' | 'none';

export interface LiveView {
  readonly link: PageLink;
  /** Why it is not live; null while it is. */
  readonly refusal: ConsoleRefusal | null;
  readonly session: ConsoleSession | null;
  readonly status: Status | null;
  /** When the status was read, by the clock of the browser. */
  readonly readAt: number | null;
  /** Bytes received of each running transfer, newer than the status. */
  readonly progress: ReadonlyMap<string, number>;
  /** Whether the daemon was restarted while this tab was open and that was not dismissed. */
  readonly restarted: boolean;
}

const EMPTY: LiveView = {
  link: 'loading',
  refusal: null,
  session: null,
  status: null,
  readAt: null,
  progress: new Map(),
  restarted: false,
};

const BUSY_MS = 2_000;
const IDLE_MS = 10_000;
/** Without a stream, and after a failure. */
const ASK_MS = 5_000;
/** A burst of lines causes one request. */
const AFTER_LINE_MS = 400;
const SESSION_MS = 60_000;

export class LiveFeed {
  #view = EMPTY;
  #listeners = new Set<(view: LiveView) => void>();
  #cancelNext: () => void = () => undefined;
  #stream: AbortController | null = null;
  #reading: AbortController | null = null;
  #streamRefused = false;
  #sessionAt = 0;
  #nextAt = 0;
  /** How many pages follow the log themselves. */
  #lent = 0;

  get view(): LiveView {
    return this.#view;
  }

  listen(listener: (view: LiveView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins, and follows whether the tab is visible. Returns a function that ends all of it. */
  begin(): () => void {
    const onVisibility = () => (document.visibilityState === 'hidden' ? this.#rest() : this.refresh());
    document.addEventListener('visibilitychange', onVisibility);
    if (hasToken()) onVisibility();
    else this.#set({ link: 'none' });
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      this.#rest();
    };
  }

  /** Reads session and status now, such as after an action that changes them. */
  refresh(): void {
    this.#sessionAt = 0;
    this.#plan(0);
  }

  dismissRestart(): void {
    this.#set({ restarted: false });
  }

  /** For a page that got a refusal of its own. */
  note(refusal: ConsoleRefusal): void {
    if (refusal.code === 'CONSOLE-SESSION') this.#end(refusal);
    else if (linkAfter(refusal) !== 'live') this.refresh();
  }

  /**
   * For a page that follows the log itself: one stream for each tab is enough. The page passes on what it gets. Returns a
   * function that takes the stream back.
   */
  lendStream(): () => void {
    this.#lent += 1;
    this.#stream?.abort();
    this.#stream = null;
    return () => {
      this.#lent -= 1;
      this.#plan(0);
    };
  }

  hear(event: Followed): void {
    if (event.kind === 'line') this.#plan(AFTER_LINE_MS);
    if (event.kind === 'progress') {
      this.#set({ progress: new Map(this.#view.progress).set(event.id, event.received) });
    }
  }

  #end(refusal: ConsoleRefusal): void {
    forgetToken();
    this.#rest();
    this.#set({ link: 'over', refusal });
  }

  #rest(): void {
    this.#cancelNext();
    this.#nextAt = 0;
    this.#reading?.abort();
    this.#reading = null;
    this.#stream?.abort();
    this.#stream = null;
  }

  /** Reads after this time, or earlier if that was planned already. */
  #plan(ms: number): void {
    if (document.visibilityState === 'hidden' || this.#view.link === 'over') return;
    const at = browserTime() + ms;
    if (this.#nextAt !== 0 && this.#nextAt <= at) return;
    this.#cancelNext();
    this.#nextAt = at;
    this.#cancelNext = runLater(ms, () => {
      this.#nextAt = 0;
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    try {
      if (browserTime() - this.#sessionAt > SESSION_MS || this.#view.session === null) {
        const session = await getJson<ConsoleSession>('/api/session', reading.signal);
        this.#sessionAt = browserTime();
        this.#set({ session });
      }
      this.#keep(await callVerb('status', reading.signal));
      this.#follow();
      this.#plan(this.#pauseMs());
    } catch (thrown) {
      if (isAborted(thrown)) return;
      const refusal = consoleRefusalOf(thrown);
      if (refusal.code === 'CONSOLE-SESSION') {
        this.#end(refusal);
        return;
      }
      this.#sessionAt = 0;
      this.#set({ link: linkAfter(refusal), refusal });
      this.#plan(ASK_MS);
    }
  }

  #keep(status: Status): void {
    const before = this.#view.status?.main.since ?? null;
    const restarted = this.#view.restarted || (before !== null && before !== status.main.since);
    const running = new Set(status.updates.transfers.map(({ id }) => id));
    const progress = new Map([...this.#view.progress].filter(([id]) => running.has(id)));
    const link = status.main.state === 'running' ? 'live' : 'stopped';
    this.#set({ status, restarted, progress, readAt: browserTime(), link, refusal: null });
  }

  #pauseMs(): number {
    const { status } = this.#view;
    if (this.#stream === null) return ASK_MS;
    return status !== null && isBusy(status) ? BUSY_MS : IDLE_MS;
  }

  #follow(): void {
    if (this.#stream !== null || this.#lent > 0 || this.#streamRefused || this.#view.link !== 'live') return;
    const stream = new AbortController();
    this.#stream = stream;
    const onEvent = (event: Followed) => this.hear(event);
    const ended = () => {
      if (this.#stream === stream) this.#stream = null;
      // The next reading opens another one.
      this.#plan(ASK_MS);
    };
    streamVerb('follow', { onEvent, signal: stream.signal }, { after: null }).then(ended, (thrown: unknown) => {
      if (isAborted(thrown)) return;
      if (this.#stream === stream) this.#stream = null;
      const refusal = consoleRefusalOf(thrown);
      this.#streamRefused = refusal.code === 'CONSOLE-STREAMS';
      // Other tabs may close theirs.
      if (this.#streamRefused) runLater(SESSION_MS, () => (this.#streamRefused = false));
      else this.#plan(AFTER_LINE_MS);
    });
  }

  #set(change: Partial<LiveView>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of this.#listeners) listener(this.#view);
  }
}

/** Whether something moves that a person may watch. */
function isBusy({ updates, uploads }: Status): boolean {
  const isDownloading = updates.checking || updates.transfers.length > 0 || updates.waiting !== null;
  return isDownloading || uploads.some(({ transfer }) => transfer !== null);
}

/** What this refusal means for the whole page. */
function linkAfter({ status, code }: ConsoleRefusal): PageLink {
  if (code === 'CONSOLE-SESSION') return 'over';
  if (status === 0) return 'disconnected';
  return status === 503 ? 'stopped' : 'live';
}
