// A form whose edits wait until they are saved, and what it does when their test has ended.

import type { ComponentChildren, VNode } from 'preact';
import type { PendingEdits } from './pending.ts';
import type { LoadedSettingsView } from './settings-data.ts';
import { type TrialHandle, useTrial } from './trial-hook.ts';
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

/** Of the file whose differences the person has seen. */
export function conflictDigest({ conflict, view }: TrialHandle): string | null {
  return conflict?.digest ?? view?.conflict_digest ?? null;
}

/** What a form does when a test ends: the edits that were saved are no longer pending. */
export function useFormTrial(pending: PendingEdits, loaded: LoadedSettingsView): TrialHandle {
  const trial = useTrial((end, isOwn) => {
    if (isOwn && end.state === 'saved') pending.saved();
    loaded.reload();
  });
  return {
    ...trial,
    begin: (kind, digest, form) => {
      if (kind === 'save') pending.sent();
      return trial.begin(kind, digest, form);
    },
  };
}

/** Dropping the edits, and keeping them for the file as it is now. */
export function trialEnds({ pending, trial, loaded }: PendingParts): Pick<TrialPanelProps, 'onLeave' | 'onRebase'> {
  return {
    onLeave: () => {
      pending.discard();
      trial.dismiss();
    },
    onRebase: () => {
      const digest = conflictDigest(trial);
      if (digest !== null) pending.rebase(digest);
      trial.dismiss();
      loaded.reload();
    },
  };
}
