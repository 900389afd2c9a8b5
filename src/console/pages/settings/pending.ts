// Edits of a page that are not saved yet. They belong to the settings that the page showed when the first one was made, so
// that a change by another user is noticed.

import { useState } from 'preact/hooks';
import { useLeaveCheck } from '#console/pages/link/navigation.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';

type EditValue = string | boolean;

export interface PendingEdits {
  /** The settings that the edits belong to; the present ones while there are no edits. */
  readonly basis: SettingsView;
  readonly count: number;
  readonly has: (field: string) => boolean;
  text(field: string, shown: string): string;
  isSet(field: string, shown: boolean): boolean;
  /** Undefined if it was not edited. */
  edited(field: string): EditValue | undefined;
  /** An edit back to the shown value is none. */
  edit(field: string, value: EditValue, shown: EditValue): void;
  discard(): void;
  /** Keeps the edits, for the latest settings. */
  rebase(): void;
}

const QUESTION = 'There are changes that are not saved. Leave the page without them?';

export function usePending(view: SettingsView): PendingEdits {
  const [edits, setEdits] = useState<ReadonlyMap<string, EditValue>>(new Map());
  const [kept, setKept] = useState<SettingsView | null>(null);
  useLeaveCheck(() => (edits.size === 0 ? null : QUESTION));
  const basis = edits.size === 0 ? view : (kept ?? view);
  return {
    basis,
    count: edits.size,
    has: (field) => edits.has(field),
    text: (field, shown) => String(edits.get(field) ?? shown),
    isSet: (field, shown) => Boolean(edits.get(field) ?? shown),
    edited: (field) => edits.get(field),
    edit: (field, value, shown) => {
      if (edits.size === 0) setKept(view);
      setEdits((before) => {
        const next = new Map(before);
        if (value === shown) next.delete(field);
        else next.set(field, value);
        return next;
      });
    },
    discard: () => {
      setEdits(new Map());
      setKept(null);
    },
    rebase: () => setKept(null),
  };
}
