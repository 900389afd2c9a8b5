// The frame of a settings page: what is shown while the settings are loading, refused, locked or only to be looked at.

import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import { postJson } from '#console/pages/link/api.ts';
import { useAction, useHindrance, useLive } from '#console/pages/link/console-context.ts';
import { ActionButton, TextField } from '#console/pages/parts/controls.tsx';
import { Notice, ProblemNote } from '#console/pages/parts/notes.tsx';
import { LoadingNote, PageHeading, Panel } from '#console/pages/parts/text.tsx';
import type { SettingsView } from '#console/saving/settings-view.ts';
import { type LoadedSettingsView, useSettings } from './settings-data.ts';
import { forgetUnseenSave, unseenSave } from './unseen-save.ts';

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
  return (
    <>
      {isPart ? null : <PageHeading title={title} lead={lead} />}
      {refusal === null ? null : <ProblemNote problem={refusal} />}
      {view === null && refusal === null ? <LoadingNote what="the settings" /> : null}
      {view === null ? null : <FileState view={view} onUnlocked={loaded.reload} />}
      {status?.config.held == null ? null : (
        <Notice tone="warning" title="The service holds the file back">
          <p>
            Its test failed: <code>{status.config.held.failure.code}</code> {status.config.held.failure.message}
          </p>
        </Notice>
      )}
      {status?.config.trying == null ? null : (
        <Notice title="New settings are being tested">
          <p>
            By {status.config.trying.by}, until {status.config.trying.until} at the latest.
          </p>
        </Notice>
      )}
      {view === null || view.refused !== null || view.locked !== null ? null : children(view, loaded)}
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

function FileState({ view, onUnlocked }: { readonly view: SettingsView; readonly onUnlocked: () => void }): VNode {
  const [unseen, setUnseen] = useState(() => unseenSave(view));
  const hindrance = useWriteHindrance(view);
  const { refused, locked } = view;
  return (
    <>
      {unseen === null ? null : (
        <Notice tone="warning" title="A Save of this browser was interrupted">
          <p>
            {unseen === 'old'
              ? 'Nothing was saved: the file still has the old settings.'
              : 'The file has changed since then: it has the new settings, or those of another change. Check them below.'}
          </p>
          <ActionButton
            onPress={() => {
              forgetUnseenSave();
              setUnseen(null);
            }}
          >
            Dismiss
          </ActionButton>
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
