// The frame of a settings page: what is shown while the settings are loading, refused, locked or only to be looked at.

import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { getJson, postJson } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLive } from '#console/pages/link/console-context.ts';
import { ActionButton, TextField } from '#console/pages/parts/controls.tsx';
import { Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { focusHeading, LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { SettingsView } from '#console/saving/settings-view.ts';
import type { TrialView } from '#console/saving/trial-view.ts';
import { type LoadedSettingsView, useSettings } from './settings-data.ts';
import { useRunningTrial } from './trial-hook.ts';
import { forgetSave, rememberedSave, type UnseenEnd, unseenEnd } from './unseen-save.ts';

export interface SettingsPageProps {
  readonly title: string;
  readonly lead: ComponentChildren;
  /** The page has its own heading. */
  readonly isPart?: boolean;
  readonly children: (view: SettingsView, loaded: LoadedSettingsView) => VNode;
}

export function SettingsFrame({ title, lead, isPart = false, children }: SettingsPageProps): VNode {
  const loaded = useSettings();
  const { view, refusal } = loaded;
  const { status } = useLive();
  // The form stays, with its edits, if another user breaks or locks the file.
  const last = useRef<SettingsView | null>(null);
  if (view !== null && view.refused === null && view.locked === null) last.current = view;
  const shown = last.current;
  const isOwnTest = useRunningTrial();
  return (
    <>
      {isPart ? null : <PageHeading title={title} lead={lead} />}
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {view === null && refusal === null ? <LoadingNote what="the settings" /> : null}
      {view === null ? null : (
        <FileState view={view} isStale={shown !== null && shown !== view} onUnlocked={loaded.reload} />
      )}
      {status?.config.held == null ? null : (
        <Notice tone="warning" title="The service holds the file back">
          <p>
            Its test failed: <code>{status.config.held.failure.code}</code> {status.config.held.failure.message}
          </p>
        </Notice>
      )}
      {status?.config.trying == null || isOwnTest ? null : (
        <Notice title="New settings are being tested">
          <p>
            By {status.config.trying.by}, until {status.config.trying.until} at the latest.
          </p>
        </Notice>
      )}
      {shown === null ? null : children(shown, loaded)}
    </>
  );
}

/** Why this person cannot change this file; null if they can. */
export function useWriteHindrance({ writes, digest, file }: SettingsView): string | null {
  const hindrance = useHindrance('change');
  if (hindrance !== null) return hindrance;
  return writes === 'nobody' || digest === ''
    ? `You may not write ${file}, and the change service does not run.`
    : null;
}

const UNSEEN: Readonly<Record<UnseenEnd, string>> = {
  old: 'Nothing was saved: the file still has the old settings.',
  new: 'The file has the new settings.',
  other: 'The file was changed since then, but it does not have all of the new settings. Check them below.',
  unknown: 'The file was changed since then: it has the new settings, or those of another change. Check them below.',
};

/** What became of a Save whose end this browser did not see. The console is asked first, because it may still know. */
function useUnseenSave(view: SettingsView): { readonly end: UnseenEnd | null; dismiss(): void } {
  const [end, setEnd] = useState<UnseenEnd | null>(null);
  useEffect(() => {
    const asking = new AbortController();
    const save = rememberedSave();
    if (save !== null)
      getJson<{ trial: TrialView | null }>('/api/changes/trial', asking.signal).then(
        ({ trial }) => setEnd(trial?.attempt === save.attempt ? null : unseenEnd(save, view)),
        () => undefined,
      );
    return () => asking.abort();
  }, []);
  const dismiss = () => {
    const save = rememberedSave();
    if (save !== null) forgetSave(save.attempt);
    setEnd(null);
    focusHeading();
  };
  return { end, dismiss };
}

interface FileStateProps {
  readonly view: SettingsView;
  /** The form shows the settings from before the file was broken or locked. */
  readonly isStale: boolean;
  readonly onUnlocked: () => void;
}

function FileState({ view, isStale, onUnlocked }: FileStateProps): VNode {
  const unseen = useUnseenSave(view);
  const hindrance = useWriteHindrance(view);
  const { refused, locked } = view;
  return (
    <>
      {unseen.end === null ? null : (
        <Notice tone="warning" title="A Save of this browser was interrupted">
          <p>{UNSEEN[unseen.end]}</p>
          <ActionButton onPress={unseen.dismiss}>Dismiss</ActionButton>
        </Notice>
      )}
      {refused === null ? null : (
        <Panel title="The file has errors" id="refused" tone="bad">
          <ProblemNote problem={refused.error} />
          <ul>
            {refused.problems.map((problem) => (
              <li key={`${problem.line} ${problem.key} ${problem.message}`}>
                Line {problem.line}: <code>{problem.key}</code> {problem.message}
              </li>
            ))}
          </ul>
          <p>Fix these lines in {view.file}. A running service keeps the previous settings.</p>
        </Panel>
      )}
      {isStale ? (
        <Notice>
          <p>
            The fields below show the settings from before, with your changes. Nothing can be saved until this is
            solved.
          </p>
        </Notice>
      ) : null}
      {locked === null ? null : <PinForm isWrong={locked.is_wrong} onUnlocked={onUnlocked} />}
      {hindrance === null || refused !== null ? null : (
        <Notice title="You can look, but not change anything">
          <p>{hindrance}</p>
        </Notice>
      )}
    </>
  );
}

function PinForm({ isWrong, onUnlocked }: { readonly isWrong: boolean; readonly onUnlocked: () => void }): VNode {
  const [pin, setPin] = useState('');
  const [wrong, setWrong] = useState(isWrong);
  const action = useAction();
  const unlock = () =>
    action.run(async () => {
      const answer = await postJson<{ is_wrong: boolean }>('/api/settings/unlock', { pin });
      setWrong(answer.is_wrong);
      if (!answer.is_wrong) onUnlocked();
    });
  return (
    <Panel title="The settings are locked" id="pin">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          unlock();
        }}
      >
        <TextField
          id="menu-pin"
          label="PIN of the menu"
          type="password"
          value={pin}
          onInput={setPin}
          problem={wrong ? 'This is not the PIN.' : null}
        />
        <ActionButton kind="primary" isSubmit isBusy={action.isRunning} onPress={() => undefined}>
          Unlock
        </ActionButton>
      </form>
      {action.refusal === null ? null : <ProblemNote problem={action.refusal} />}
    </Panel>
  );
}
