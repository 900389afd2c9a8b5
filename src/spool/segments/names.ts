// File names in `outbox/documents/`. Pure.
//
// The name of a segment is its id (a lower-case UUID) with its state. `<id>.commit` lists the segments of one large
// submission. Files with any other name are not touched.

import { UNFINISHED_SUFFIX } from '#system/durable.ts';

export const DOCUMENTS = 'documents';

/**
 * `incoming`: part of a large submission, counts only if a commit record lists it. `segment`: its submissions are
 * acknowledged, but it has no batch yet. `queued`: its batch was accepted. `damaged`: the same, and some of its bytes
 * are not those that were accepted.
 */
export type SegmentState = 'incoming' | 'segment' | 'queued' | 'damaged';

/** A name that the store assigned. */
export type SegmentFileName =
  | { readonly kind: 'segment'; readonly id: string; readonly state: SegmentState }
  | { readonly kind: 'commit'; readonly id: string; readonly unfinished: boolean };

const OWN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(incoming|segment|queued|damaged|commit)(\.new)?$/;

export function segmentName(id: string, state: SegmentState): string {
  return `${id}.${state}`;
}

export function commitName(id: string): string {
  return `${id}.commit`;
}

/** Parses a name; null for a foreign one. */
export function readSegmentName(name: string): SegmentFileName | null {
  const [, id, what, suffix] = OWN.exec(name) ?? [];
  if (id === undefined) return null;
  if (what === 'commit') return { kind: 'commit', id, unfinished: suffix === UNFINISHED_SUFFIX };
  return suffix === undefined ? { kind: 'segment', id, state: what as SegmentState } : null;
}
