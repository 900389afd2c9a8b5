// The bar with Save: how many edits wait, what they change, and the problems of a refused Save.

import type { ComponentChildren, VNode } from 'preact';
import type { Problem } from '#config/problem.ts';
import { ActionButton } from '#console/pages/parts/controls.tsx';
import { Notice, ProblemSummary } from '#console/pages/parts/notes.tsx';
import { focusHeading } from '#console/pages/parts/text.tsx';
import type { ChangePreview } from '#console/saving/saving.ts';
import type { PendingEdits } from './pending.ts';
import type { TrialHandle } from './trial-hook.ts';
import { DifferenceTable } from './trial-panel.tsx';

export interface SaveBarProps {
  readonly pending: PendingEdits;
  readonly trial: TrialHandle;
  readonly preview: ChangePreview | null;
  readonly hindrance: string | null;
  readonly children?: ComponentChildren;
}

/** Inside a form, whose submit is Save. */
export function SaveBar({ pending, trial, preview, hindrance, children }: SaveBarProps): VNode {
  const { count } = pending;
  const why = hindrance ?? (count === 0 ? 'There is no change to save.' : null);
  return (
    <div class={count === 0 ? 'save-bar' : 'save-bar pending'}>
      <p role="status">
        {count === 0 ? 'No unsaved changes' : `${count} unsaved ${count === 1 ? 'change' : 'changes'}`}
      </p>
      <div class="actions">
        <ActionButton kind="primary" isSubmit isBusy={trial.isBusy} hindrance={why} onPress={() => undefined}>
          Save
        </ActionButton>
        {children}
        {count === 0 ? null : (
          <ActionButton
            onPress={() => {
              pending.discard();
              focusHeading();
            }}
          >
            Discard changes
          </ActionButton>
        )}
      </div>
      {preview === null || preview.differences.length === 0 ? null : (
        <details>
          <summary>Show what Save changes in the file</summary>
          <DifferenceTable differences={preview.differences} />
        </details>
      )}
      {(preview?.warnings ?? []).map((warning) => (
        <Notice key={warning} tone="warning">
          <p>{warning}</p>
        </Notice>
      ))}
    </div>
  );
}

/** The problems of a refused file by field. `fieldOf` returns the id of the field of a key; null for another key. */
export function RefusedSummary({
  problems,
  fieldOf,
}: {
  readonly problems: readonly Problem[];
  readonly fieldOf: (key: string) => string | null;
}): VNode | null {
  if (problems.length === 0) return null;
  const rows = problems.map((one) => ({ field: fieldOf(one.key), text: sentenceOf(one) }));
  return <ProblemSummary title="Nothing was saved. Fix these fields." problems={rows} />;
}

function sentenceOf({ key, message, allowed }: Problem): string {
  const rest = allowed === '' || message.includes(allowed) ? '' : ` Allowed: ${allowed}.`;
  return `${key}: ${message}${rest}`;
}
