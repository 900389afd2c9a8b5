// Edits of a page that are not saved yet. They belong to the settings that the page showed when the first one was made, so
// that a change by another user is noticed.

import { useEffect, useRef, useState } from 'preact/hooks';
import { useLeaveCheck } from '#console/pages/link/navigation.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';

type EditValue = string | boolean;
type Edits = ReadonlyMap<string, EditValue>;

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
  /** The edits so far are being saved. */
  sent(): void;
  /** What was sent is saved. Edits that were made since then are kept, for the file that the save has made. */
  saved(): void;
  /**
   * Keeps the edits for the file with this digest, of which the person has seen the differences. A file that was changed
   * once more is a conflict again.
   */
  rebase(digest: string): void;
}

const QUESTION = 'There are changes that are not saved. Leave the page without them?';
const NO_EDITS: Edits = new Map();

/** What the edits belong to. `is` and `follows`: the settings have that digest, or follow that one, once they are read. */
type Basis =
  | { readonly kind: 'view'; readonly view: SettingsView }
  | { readonly kind: 'is' | 'follows'; readonly digest: string };

export function usePending(view: SettingsView): PendingEdits {
  const [edits, setEdits] = useState(NO_EDITS);
  const [kept, setKept] = useState<Basis | null>(null);
  const sent = useRef(NO_EDITS);
  useLeaveCheck(() => (edits.size === 0 ? null : QUESTION));
  const isRead = kept !== null && kept.kind !== 'view' && (kept.digest === view.digest) === (kept.kind === 'is');
  useEffect(() => {
    if (isRead) setKept({ kind: 'view', view });
  }, [isRead, view]);
  const basis = edits.size === 0 ? view : basisOf(kept, view);
  return {
    basis,
    count: edits.size,
    has: (field) => edits.has(field),
    text: (field, shown) => String(edits.get(field) ?? shown),
    isSet: (field, shown) => Boolean(edits.get(field) ?? shown),
    edited: (field) => edits.get(field),
    edit: (field, value, shown) => {
      if (edits.size === 0) setKept({ kind: 'view', view });
      setEdits((before) => {
        const next = new Map(before);
        if (value === shown) next.delete(field);
        else next.set(field, value);
        return next;
      });
    },
    discard: () => setEdits(NO_EDITS),
    sent: () => {
      sent.current = edits;
    },
    saved: () => {
      setEdits((before) => new Map([...before].filter(([field, value]) => sent.current.get(field) !== value)));
      setKept({ kind: 'follows', digest: basis.digest });
    },
    rebase: (digest) => setKept({ kind: 'is', digest }),
  };
}

function basisOf(kept: Basis | null, view: SettingsView): SettingsView {
  if (kept === null || kept.kind === 'follows') return view;
  return kept.kind === 'view' ? kept.view : { ...view, digest: kept.digest };
}
