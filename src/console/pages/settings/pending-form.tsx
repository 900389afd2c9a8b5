// A form whose edits wait until they are saved, and what it does when their test has ended.

import type { ComponentChildren, VNode } from 'preact';
import type { PendingEdits } from './pending.ts';
import type { LoadedSettingsView } from './settings-data.ts';
import type { TrialHandle } from './trial-hook.ts';
import type { TrialPanelProps } from './trial-panel.tsx';

/** The page shows the problems itself, so the browser does not. */
export function PendingForm({ onSave, children }: { onSave: () => void; children: ComponentChildren }): VNode {
  return (
    <form
      class="settings"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSave();
      }}
    >
      {children}
    </form>
  );
}

export interface PendingParts {
  readonly pending: PendingEdits;
  readonly trial: TrialHandle;
  readonly loaded: LoadedSettingsView;
}

/** Dropping the edits, and keeping them for the file as it is now. */
export function trialEnds({ pending, trial, loaded }: PendingParts): Pick<TrialPanelProps, 'onLeave' | 'onRebase'> {
  return {
    onLeave: () => {
      pending.discard();
      trial.dismiss();
    },
    onRebase: () => {
      pending.rebase();
      trial.dismiss();
      loaded.reload();
    },
  };
}
