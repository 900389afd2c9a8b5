// What the settings pages read from the console, and what a form would change.

import { useEffect, useState } from 'preact/hooks';
import { type ConsoleRefusal, consoleRefusalOf, getJson, isAborted, postJson } from '#console/pages/link/api.ts';
import { runLater } from '#console/pages/link/browser-clock.ts';
import { feed, useLive } from '#console/pages/link/console-context.ts';
import type { SentForm } from '#console/saving/forms.ts';
import type { ConflictAnswer } from '#console/saving/routes.ts';
import type { ChangePreview } from '#console/saving/saving.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';

export interface LoadedSettingsView {
  readonly view: SettingsView | null;
  readonly refusal: ConsoleRefusal | null;
  reload(): void;
}

/** The settings of the file. Read again when the daemon read the file, and on `reload`. */
export function useSettings(): LoadedSettingsView {
  const { status, link } = useLive();
  const [count, setCount] = useState(0);
  const [loaded, setLoaded] = useState<Omit<LoadedSettingsView, 'reload'>>({ view: null, refusal: null });
  const config = status?.config;
  useEffect(() => {
    const loading = new AbortController();
    getJson<SettingsView>('/api/settings', loading.signal).then(
      (view) => setLoaded({ view, refusal: null }),
      (thrown: unknown) => {
        if (isAborted(thrown)) return;
        const refusal = consoleRefusalOf(thrown);
        feed.note(refusal);
        setLoaded((before) => ({ ...before, refusal }));
      },
    );
    return () => loading.abort();
  }, [count, link, config?.since, config?.refused?.at, config?.held?.since]);
  return { ...loaded, reload: () => setCount((before) => before + 1) };
}

/** What a form would change. Null while it is asked, and if it cannot be changed. */
export function usePreview(view: SettingsView | null, form: SentForm | null): ChangePreview | null {
  const [preview, setPreview] = useState<ChangePreview | null>(null);
  const body =
    view === null || form === null ? null : JSON.stringify({ digest: view.digest, form: withoutPassword(form) });
  useEffect(() => {
    if (body === null) {
      setPreview(null);
      return;
    }
    const asking = new AbortController();
    const cancel = runLater(PREVIEW_MS, () => {
      postJson<ChangePreview | ConflictAnswer>('/api/diff', JSON.parse(body), asking.signal).then(
        (answer) => setPreview('differences' in answer ? answer : null),
        () => setPreview(null),
      );
    });
    return () => {
      cancel();
      asking.abort();
    };
  }, [body]);
  return preview;
}

const PREVIEW_MS = 400;

/** A password is sent only to be tested or saved. */
function withoutPassword(form: SentForm): SentForm {
  return 'password' in form && form.password?.kind === 'typed'
    ? { ...form, password: { kind: 'typed', text: 'x' } }
    : form;
}
