// The change that the console tests or writes, as this page follows it. A reload of the page finds it again.
//
// A hidden tab closes its stream. If other tabs have all streams, this one asks once a second.

import { useEffect, useRef, useState } from 'preact/hooks';
import {
  type ConsoleRefusal,
  consoleRefusalOf,
  getJson,
  isAborted,
  openStream,
  postJson,
} from '#console/pages/link/api.ts';
import { runLater } from '#console/pages/link/browser-clock.ts';
import { feed } from '#console/pages/link/console-context.ts';
import { focusHeading } from '#console/pages/parts/text.tsx';
import type { SentForm } from '#console/saving/forms.ts';
import type { ConflictAnswer } from '#console/saving/routes.ts';
import type { TrialView } from '#console/saving/trial-view.ts';
import { forgetSave, rememberDifferences, rememberedSave, rememberSave } from './unseen-save.ts';

/** Whether the console still works on it. */
function isRunning({ until, state }: TrialView): boolean {
  return until !== null || state === 'writing';
}

interface TrialFacts {
  readonly view: TrialView | null;
  /** The change that another user made meanwhile; then nothing was begun. */
  readonly conflict: ConflictAnswer['conflict'] | null;
  readonly refusal: ConsoleRefusal | null;
  readonly isBusy: boolean;
  /** The console does not answer, so the change may continue unseen. */
  readonly isLost: boolean;
}

export interface TrialHandle extends TrialFacts {
  /** Returns the `attempt` by which the change can be recognized. */
  begin(kind: 'try' | 'save', digest: string, form: SentForm): string;
  act(action: 'leave' | 'again' | 'anyway' | 'in-clear'): void;
  /** Forgets the end of a change. */
  dismiss(): void;
}

/** `isOwn`: this page began it. */
type TrialEnd = (view: TrialView, isOwn: boolean) => void;

const ASK_MS = 1_000;
const NONE: TrialFacts = { view: null, conflict: null, refusal: null, isBusy: false, isLost: false };
const ATTEMPT_BYTES = 16;

/** Whether the page of this tab shows a running change. One page is shown at a time. */
class ShownTrial {
  #isRunning = false;
  readonly #listeners = new Set<(isRunning: boolean) => void>();

  get isRunning(): boolean {
    return this.#isRunning;
  }

  set(isRunning: boolean): void {
    if (isRunning === this.#isRunning) return;
    this.#isRunning = isRunning;
    for (const listen of this.#listeners) listen(isRunning);
  }

  listen(listen: (isRunning: boolean) => void): () => void {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }
}

const shownTrial = new ShownTrial();

/** Whether this page shows a running change itself. */
export function useRunningTrial(): boolean {
  const [isShown, setShown] = useState(shownTrial.isRunning);
  useEffect(() => {
    const stop = shownTrial.listen(setShown);
    return () => void stop();
  }, []);
  return isShown;
}

class TrialFollower {
  #facts = NONE;
  #following: AbortController | null = null;
  /** Of the change that this page began last. */
  #attempt: string | null = null;
  /** Of the change that the last request was about. */
  #asked: string | null = null;
  readonly #show: (facts: TrialFacts) => void;
  readonly #onEnd: TrialEnd;

  constructor(show: (facts: TrialFacts) => void, onEnd: TrialEnd) {
    this.#show = show;
    this.#onEnd = onEnd;
  }

  begin(kind: 'try' | 'save', digest: string, form: SentForm): string {
    const attempt = [...crypto.getRandomValues(new Uint8Array(ATTEMPT_BYTES))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('');
    this.#attempt = attempt;
    this.#asked = attempt;
    this.#set({ view: null });
    if (kind === 'save') rememberSave(digest, attempt);
    this.#send(`/api/changes/${kind}`, { digest, form, attempt });
    return attempt;
  }

  act(action: 'leave' | 'again' | 'anyway' | 'in-clear'): void {
    const { view } = this.#facts;
    if (view === null) return;
    this.#asked = view.attempt;
    if (view.kind === 'save' && action !== 'leave' && view.attempt !== null) {
      // It runs again, so its end is open again. The digest is not known here; the differences decide.
      rememberSave('', view.attempt);
      rememberDifferences(view.attempt, view.differences);
    }
    this.#send(`/api/changes/${action}`, { trial: view.trial });
  }

  dismiss(): void {
    this.#set(NONE);
  }

  /** Follows a change that is running, while the tab is visible, and shows the end of one that was shown running. */
  watch(): void {
    this.rest();
    if (document.visibilityState === 'hidden') return;
    const asking = new AbortController();
    this.#following = asking;
    getJson<{ trial: TrialView | null }>('/api/changes/trial', asking.signal).then(
      ({ trial }) => this.#found(trial),
      () => undefined,
    );
  }

  rest(): void {
    this.#following?.abort();
    this.#following = null;
  }

  #set(part: Partial<TrialFacts>): void {
    this.#facts = { ...this.#facts, ...part };
    this.#show(this.#facts);
    const { view } = this.#facts;
    shownTrial.set(view !== null && isRunning(view));
  }

  #send(path: string, body: unknown): void {
    this.#set({ isBusy: true, refusal: null, conflict: null });
    postJson<{ trial: unknown } | ConflictAnswer>(path, body)
      .then(
        (answer) => {
          if (!('conflict' in answer)) return this.#follow();
          this.#forget();
          this.#set({ conflict: answer.conflict });
        },
        (thrown: unknown) => this.#fail(thrown, null),
      )
      .finally(() => this.#set({ isBusy: false }));
  }

  #found(trial: TrialView | null): void {
    const { view } = this.#facts;
    const wasRunning = view !== null && isRunning(view);
    const isAwaited = wasRunning || (trial !== null && trial.attempt === rememberedSave()?.attempt);
    if (trial !== null && (isRunning(trial) || isAwaited)) this.#resume(trial);
    else if (wasRunning) this.#set({ view: null });
  }

  #resume(trial: TrialView): void {
    if (isRunning(trial)) this.#follow();
    else this.#see(trial);
  }

  #follow(): void {
    this.rest();
    const own = new AbortController();
    this.#following = own;
    const { signal } = own;
    const onEvent = (view: TrialView) => this.#see(view);
    openStream<TrialView, unknown>('/api/streams/trial', {}, { onEvent, signal }).catch((thrown: unknown) => {
      if (isAborted(thrown)) return;
      if (consoleRefusalOf(thrown).code === 'CONSOLE-STREAMS') void this.#poll(signal);
      else this.#fail(thrown, signal);
    });
  }

  /** Asks once a second until the change has ended. */
  async #poll(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const { trial } = await getJson<{ trial: TrialView | null }>('/api/changes/trial', signal);
        if (trial === null) return;
        this.#see(trial);
        if (!isRunning(trial)) return;
      } catch (thrown) {
        if (!isAborted(thrown)) this.#fail(thrown, signal);
        return;
      }
      await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => runLater(ASK_MS, resolve));
    signal.throwIfAborted();
  }

  #see(view: TrialView): void {
    this.#set({ view, isLost: false, refusal: null });
    const isOwn = view.attempt !== null && view.attempt === this.#attempt;
    if (view.attempt !== null) rememberDifferences(view.attempt, view.differences);
    if (isRunning(view)) return;
    if (view.attempt !== null) forgetSave(view.attempt);
    this.#onEnd(view, isOwn);
    feed.refresh();
  }

  /** `signal`: of the stream that failed; null if the request itself did. */
  #fail(thrown: unknown, signal: AbortSignal | null): void {
    const refusal = consoleRefusalOf(thrown);
    feed.note(refusal);
    if (refusal.status === 0) {
      const own = signal === null ? new AbortController() : null;
      if (own !== null) this.#following = own;
      this.#set({ isLost: true });
      void this.#findAgain((signal ?? own?.signal) as AbortSignal).catch(() => undefined);
      return;
    }
    if (signal === null) this.#forget();
    this.#set({ refusal, isLost: false });
  }

  /** The connection broke: the console may or may not have the request, and works on it without this page. */
  async #findAgain(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#pause(signal);
      try {
        const { trial } = await getJson<{ trial: TrialView | null }>('/api/changes/trial', signal);
        const isAsked = trial !== null && trial.attempt !== null && trial.attempt === this.#asked;
        if (isAsked || (trial !== null && trial.trial === this.#facts.view?.trial)) return this.#resume(trial);
        // It answers again and does not know the change.
        this.#forget();
        this.#set({ isLost: false, view: null, refusal: NOT_RECEIVED });
        return;
      } catch (thrown) {
        if (isAborted(thrown)) return;
        const refusal = consoleRefusalOf(thrown);
        if (refusal.status === 0) continue;
        this.#set({ refusal, isLost: false });
        return;
      }
    }
  }

  #forget(): void {
    if (this.#asked !== null) forgetSave(this.#asked);
  }
}

const NOT_RECEIVED: ConsoleRefusal = {
  status: 0,
  code: 'CONSOLE-DISCONNECTED',
  message: 'The connection to the console broke before it received the request. Nothing was changed.',
  check: 'Try again.',
  hop: null,
  body: null,
};

/** `onEnd` gets the last view of each change. */
export function useTrial(onEnd: TrialEnd): TrialHandle {
  const [facts, setFacts] = useState(NONE);
  const ended = useRef(onEnd);
  ended.current = onEnd;
  const follower = useRef<TrialFollower | null>(null);
  follower.current ??= new TrialFollower(setFacts, (view, isOwn) => ended.current(view, isOwn));
  const own = follower.current;
  useEffect(() => {
    const watch = () => own.watch();
    watch();
    document.addEventListener('visibilitychange', watch);
    return () => {
      document.removeEventListener('visibilitychange', watch);
      own.rest();
      shownTrial.set(false);
    };
  }, [own]);
  return {
    ...facts,
    begin: (kind, digest, form) => own.begin(kind, digest, form),
    act: (action) => own.act(action),
    dismiss: () => {
      own.dismiss();
      focusHeading();
    },
  };
}
