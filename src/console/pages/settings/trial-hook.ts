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
import type { SentForm } from '#console/saving/forms.ts';
import type { ConflictAnswer } from '#console/saving/routes.ts';
import type { TrialView } from '#console/saving/trial-view.ts';
import { forgetUnseenSave, rememberSave } from './unseen-save.ts';

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
}

export interface TrialHandle extends TrialFacts {
  begin(kind: 'try' | 'save', digest: string, form: SentForm): void;
  act(action: 'leave' | 'again' | 'anyway'): void;
  /** Forgets the end of a change. */
  dismiss(): void;
}

const ASK_MS = 1_000;
const NONE: TrialFacts = { view: null, conflict: null, refusal: null, isBusy: false };

class TrialFollower {
  #facts = NONE;
  #following: AbortController | null = null;
  readonly #show: (facts: TrialFacts) => void;
  readonly #onEnd: (view: TrialView) => void;

  constructor(show: (facts: TrialFacts) => void, onEnd: (view: TrialView) => void) {
    this.#show = show;
    this.#onEnd = onEnd;
  }

  get facts(): TrialFacts {
    return this.#facts;
  }

  set(part: Partial<TrialFacts>): void {
    this.#facts = { ...this.#facts, ...part };
    this.#show(this.#facts);
  }

  send(path: string, body: unknown): void {
    this.set({ isBusy: true, refusal: null, conflict: null });
    postJson<{ trial: unknown } | ConflictAnswer>(path, body)
      .then(
        (answer) => ('conflict' in answer ? this.set({ conflict: answer.conflict }) : this.#follow()),
        (thrown: unknown) => this.#fail(thrown),
      )
      .finally(() => this.set({ isBusy: false }));
  }

  /** Follows a change that is already running, while the tab is visible. */
  watch(): void {
    this.rest();
    if (document.visibilityState === 'hidden') return;
    const asking = new AbortController();
    this.#following = asking;
    getJson<{ trial: TrialView | null }>('/api/changes/trial', asking.signal).then(
      ({ trial }) => {
        if (trial !== null && isRunning(trial)) this.#follow();
      },
      () => undefined,
    );
  }

  rest(): void {
    this.#following?.abort();
    this.#following = null;
  }

  #follow(): void {
    this.rest();
    const own = new AbortController();
    this.#following = own;
    const { signal } = own;
    const onEvent = (view: TrialView) => this.#see(view);
    openStream<TrialView, unknown>('/api/streams/trial', {}, { onEvent, signal }).catch((thrown: unknown) => {
      if (isAborted(thrown)) return;
      if (consoleRefusalOf(thrown).code === 'CONSOLE-STREAMS') void this.#poll(signal).catch(() => undefined);
      else this.#fail(thrown);
    });
  }

  async #poll(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { trial } = await getJson<{ trial: TrialView | null }>('/api/changes/trial', signal);
      if (trial === null) return;
      this.#see(trial);
      if (!isRunning(trial)) return;
      await new Promise<void>((resolve) => runLater(ASK_MS, resolve));
    }
  }

  #see(view: TrialView): void {
    this.set({ view });
    if (isRunning(view)) return;
    forgetUnseenSave();
    this.#onEnd(view);
    feed.refresh();
  }

  #fail(thrown: unknown): void {
    const refusal = consoleRefusalOf(thrown);
    this.set({ refusal });
    feed.note(refusal);
  }
}

/** `onEnd` gets the last view of each change. */
export function useTrial(onEnd: (view: TrialView) => void): TrialHandle {
  const [facts, setFacts] = useState(NONE);
  const ended = useRef(onEnd);
  ended.current = onEnd;
  const follower = useRef<TrialFollower | null>(null);
  follower.current ??= new TrialFollower(setFacts, (view) => ended.current(view));
  const own = follower.current;
  useEffect(() => {
    const watch = () => own.watch();
    watch();
    document.addEventListener('visibilitychange', watch);
    return () => {
      document.removeEventListener('visibilitychange', watch);
      own.rest();
    };
  }, [own]);
  return {
    ...facts,
    begin: (kind, digest, form) => {
      own.set({ view: null });
      if (kind === 'save') rememberSave(digest);
      own.send(`/api/changes/${kind}`, { digest, form });
    },
    act: (action) => {
      const { view } = own.facts;
      if (view !== null) own.send(`/api/changes/${action}`, { trial: view.trial });
    },
    dismiss: () => own.set(NONE),
  };
}
