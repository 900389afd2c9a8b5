// What the shell gives to every page: the live view, and what the person may do.

import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { PageVerb, VerbAnswer, VerbRequest, VerbResult } from '#console/wire.ts';
import type { Authority } from '#control/verb.ts';
import { type ConsoleRefusal, consoleRefusalOf, isAborted, postJson } from './api.ts';
import { LiveFeed, type LiveView } from './live.ts';

/** The one feed of this tab. */
export const feed = new LiveFeed();
export const LiveContext = createContext<LiveView>(feed.view);

export function useLive(): LiveView {
  return useContext(LiveContext);
}

/** What an action needs: a level of the daemon's verbs, or the right to change the configuration. */
export type Needed = Authority | 'change';

/** Why this person may not do this now; null if they may. */
export function useHindrance(needs: Needed): string | null {
  const { session, link } = useLive();
  if (session === null) return 'The session is not known yet.';
  if (link === 'disconnected') return 'The console does not answer.';
  const { user, may, group, authority } = session;
  if (needs === 'change') return may.change ? null : onlyFor(user, group.change);
  if (link === 'stopped') return 'The service is not running.';
  if (needs === 'admin') return authority === 'admin' ? null : `Only root may do this, not ${user}.`;
  return may[needs] ? null : onlyFor(user, group[needs]);
}

function onlyFor(user: string, group: string): string {
  return `You are ${user} and may only look. Members of the group ${group} may do this.`;
}

export interface LoadedAnswer<T> {
  readonly data: T | null;
  readonly refusal: ConsoleRefusal | null;
  reload(): void;
}

/**
 * Asks again when the component appears, when `deps` change, and whenever the status was read again. While an answer is
 * awaited, the previous one stays.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): LoadedAnswer<T> {
  const { readAt, link } = useLive();
  const [count, setCount] = useState(0);
  const [loaded, setLoaded] = useState<Omit<LoadedAnswer<T>, 'reload'>>({ data: null, refusal: null });
  useEffect(() => {
    const loading = new AbortController();
    load(loading.signal).then(
      (data) => setLoaded({ data, refusal: null }),
      (thrown: unknown) => {
        if (isAborted(thrown)) return;
        const refusal = consoleRefusalOf(thrown);
        setLoaded((before) => ({ data: before.data, refusal }));
        if (refusal.code === 'CONSOLE-SESSION') feed.note(refusal);
      },
    );
    return () => loading.abort();
  }, [...deps, count, readAt, link]);
  return { ...loaded, reload: () => setCount((before) => before + 1) };
}

/** The answer of a verb without an argument. */
export function useVerb<Name extends PageVerb>(
  name: [VerbRequest<Name>] extends [undefined] ? Name : never,
): LoadedAnswer<VerbResult<Name>> {
  return useLoaded(
    async (signal) =>
      await postJson<VerbAnswer<VerbResult<Name>>>(`/api/verbs/${name}`, {}, signal).then(({ result }) => result),
    [name],
  );
}

export interface ActionState {
  readonly isRunning: boolean;
  readonly refusal: ConsoleRefusal | null;
  /** Runs the action, unless it is running. */
  run(action: () => Promise<void>): void;
  clear(): void;
}

/** One action at a time, with its failure. Afterwards the status is read again. */
export function useAction(): ActionState {
  const [isRunning, setRunning] = useState(false);
  const [refusal, setRefusal] = useState<ConsoleRefusal | null>(null);
  const run = (action: () => Promise<void>) => {
    if (isRunning) return;
    setRunning(true);
    setRefusal(null);
    action()
      .catch((thrown: unknown) => {
        if (isAborted(thrown)) return;
        const found = consoleRefusalOf(thrown);
        setRefusal(found);
        feed.note(found);
      })
      .finally(() => {
        setRunning(false);
        feed.refresh();
      });
  };
  return { isRunning, refusal, run, clear: () => setRefusal(null) };
}
