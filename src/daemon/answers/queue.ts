// Lists and changes the waiting and rejected entries of every spool, for `sallyport queue`.
//
// Guarantees: a response has a limited size and never has the content of an entry. An entry is changed only through its
// spool, so a change is durable when the function returns, and cannot interrupt a delivery. The caller masks secrets in
// all texts.

import {
  type CheckedEntry,
  MAX_LISTED,
  type QueueEntry,
  type QueueKindRow,
  type QueueList,
  type Retried,
  type RetrySelection,
  type SelectedEntry,
} from '#control/queue.ts';
import type { OpenKind } from '#daemon/uploads/kinds.ts';
import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { dueAt } from '#spool/entry.ts';
import type { RejectedEntry } from '#spool/rejected.ts';
import type { EntryHead, ListedEntry } from '#spool/spool.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';

/** What the quota of a kind counts, in the plural, if that is not its entries. */
const UNITS: Readonly<Record<string, string>> = { batch: 'documents' };
/** The shortest beginning of an id that is accepted instead of the whole id. */
const MIN_PREFIX = 4;
/** Entries that a failure names. */
const MAX_NAMED = 5;

/** An entry that was found by its id. */
export interface FoundEntry {
  readonly kind: OpenKind;
  readonly listed: ListedEntry | null;
  /** Set if it is not waiting any more. */
  readonly rejected: RejectedEntry<unknown> | null;
}

/** What the quota of a kind counts, in the plural. */
export function unitOf({ name }: Pick<OpenKind, 'name'>): string {
  return UNITS[name] ?? `${name}s`;
}

/** Every kind with its entries, in order of delivery. */
export async function listQueue(kinds: readonly OpenKind[], clock: Clock): Promise<QueueList> {
  const rows: QueueKindRow[] = [];
  for (const kind of kinds) rows.push(await describeKind(kind, clock.now()));
  return { at: utcTime(clock.now()), kinds: rows };
}

async function describeKind(kind: OpenKind, nowMs: number): Promise<QueueKindRow> {
  const { name, title, spool } = kind;
  const { limit, oldestAtMs, items, bytes } = kind.usage();
  const listed = spool.list();
  const rejected = await spool.listRejected();
  const shown = [
    ...listed.slice(0, MAX_LISTED).map((entry) => waitingRow(name, entry, nowMs)),
    ...rejected.slice(-MAX_LISTED).map((entry) => rejectedRow(name, entry)),
  ];
  return {
    kind: name,
    title,
    unit: unitOf(kind),
    waiting: { items, bytes },
    quota: limit,
    oldest: oldestAtMs === null ? null : utcTime(oldestAtMs),
    held: listed.filter(({ head }) => head.held).length,
    rejected: spool.rejected,
    quarantined: spool.quarantined,
    entries: shown,
    omitted: listed.length + rejected.length - shown.length,
  };
}

/** An entry that waits, as it is shown. */
export function waitingRow(kind: string, { head, bytes, content, isEnding }: ListedEntry, nowMs: number): QueueEntry {
  const { key, acceptedAtMs, attempts, postponed, held } = head;
  const at = dueAt(head, nowMs);
  return {
    kind,
    id: key,
    state: stateOf({ isEnding, held, isDue: at === null }),
    accepted_at: utcTime(acceptedAtMs),
    attempts,
    next_try: held || isEnding || at === null ? null : utcTime(at),
    last_failure: postponed === null ? null : { at: utcTime(postponed.atMs), code: postponed.error },
    bytes,
    content,
  };
}

function stateOf(entry: {
  readonly isEnding: boolean;
  readonly held: boolean;
  readonly isDue: boolean;
}): QueueEntry['state'] {
  if (entry.isEnding) return 'ending';
  if (entry.held) return 'held';
  return entry.isDue ? 'due' : 'waiting';
}

/** A rejected entry, as it is shown. */
export function rejectedRow(kind: string, entry: RejectedEntry<unknown>): QueueEntry {
  const { key, acceptedAtMs, attempts, bytes } = entry;
  return {
    kind,
    id: key,
    state: 'rejected',
    accepted_at: utcTime(acceptedAtMs),
    attempts,
    next_try: null,
    last_failure: null,
    bytes,
    content: null,
  };
}

/**
 * The entry with this id, or the only one whose id begins with it. Waiting entries come before rejected ones.
 * @throws CodedError QUEUE-UNKNOWN, QUEUE-AMBIGUOUS, QUEUE-KIND
 */
export async function findEntry(kinds: readonly OpenKind[], { kind: name, id }: SelectedEntry): Promise<FoundEntry> {
  const selected = name === null ? kinds : [kindNamed(kinds, name)];
  const fits: readonly ((key: string) => boolean)[] =
    id.length < MIN_PREFIX ? [(key) => key === id] : [(key) => key === id, (key) => key.startsWith(id)];
  for (const test of fits) {
    const found = [...selected.flatMap((kind) => waitingIn(kind, test)), ...(await rejectedIn(selected, test))];
    const [first, ...more] = found;
    if (first !== undefined && more.length === 0) return first;
    if (first !== undefined) throw coded('QUEUE-AMBIGUOUS', { id, entries: found.slice(0, MAX_NAMED).map(nameOf) });
  }
  throw coded('QUEUE-UNKNOWN', { id });
}

function waitingIn(kind: OpenKind, test: (key: string) => boolean): FoundEntry[] {
  if (!kind.spool.some(test)) return [];
  return kind.spool.list().flatMap((listed) => (test(listed.head.key) ? [{ kind, listed, rejected: null }] : []));
}

async function rejectedIn(kinds: readonly OpenKind[], test: (key: string) => boolean): Promise<FoundEntry[]> {
  const found: FoundEntry[] = [];
  for (const kind of kinds) {
    for (const rejected of await kind.spool.listRejected()) {
      if (test(rejected.key)) found.push({ kind, listed: null, rejected });
    }
  }
  return found;
}

function nameOf({ kind, listed, rejected }: FoundEntry): string {
  return `${kind.name}/${listed?.head.key ?? rejected?.key}`;
}

/** @throws CodedError QUEUE-KIND */
function kindNamed(kinds: readonly OpenKind[], name: string): OpenKind {
  const kind = kinds.find((one) => one.name === name);
  if (kind !== undefined) return kind;
  throw coded('QUEUE-KIND', { kind: name, known: kinds.map((one) => one.name) });
}

/** Makes the selected entries due now, also held ones. @throws CodedError QUEUE-*, DISK-FULL, FILE-* */
export async function retryEntries(
  kinds: readonly OpenKind[],
  { kind: name, id }: RetrySelection,
): Promise<Retried['retried']> {
  if (id !== null) {
    const { kind, head } = requireWaiting(await findEntry(kinds, { kind: name, id }));
    return [{ kind: kind.name, entries: await retryAll(kind, [head]) }];
  }
  const selected = name === null ? kinds : [kindNamed(kinds, name)];
  const retried: Retried['retried'] = [];
  for (const kind of selected) {
    const heads = kind.spool.list().map(({ head }) => head);
    retried.push({ kind: kind.name, entries: await retryAll(kind, heads) });
  }
  return retried;
}

async function retryAll(kind: OpenKind, heads: readonly EntryHead[]): Promise<number> {
  let count = 0;
  for (const head of heads) if (await kind.spool.retry(head)) count += 1;
  if (count > 0) kind.retried();
  return count;
}

/** Gives up an entry: it is never sent. @throws CodedError QUEUE-*, FILE-* */
export async function dropEntry(
  kinds: readonly OpenKind[],
  selected: SelectedEntry,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): Promise<QueueEntry> {
  const { kind, head, listed } = requireWaiting(await findEntry(kinds, selected));
  // A beginning of an id may fit another entry than the one that the caller has seen.
  if (head.key !== selected.id) throw coded('QUEUE-UNKNOWN', { id: selected.id });
  const row = waitingRow(kind.name, listed, clock.now());
  if (!(await kind.spool.drop(head))) throw coded('QUEUE-UNKNOWN', { id: head.key });
  const { bytes } = listed.content ?? listed;
  report({ name: 'queue-dropped', kind: kind.name, id: head.key, bytes, attempts: head.attempts });
  return row;
}

/** @throws CodedError QUEUE-REJECTED */
function requireWaiting({ kind, listed, rejected }: FoundEntry): {
  readonly kind: OpenKind;
  readonly listed: ListedEntry;
  readonly head: EntryHead;
} {
  if (listed !== null) return { kind, listed, head: listed.head };
  throw coded('QUEUE-REJECTED', { id: `${kind.name}/${rejected?.key}` });
}

/** Compares every waiting entry with its digest. @throws the reason of the signal; CodedError QUEUE-KIND */
export async function verifyEntries(
  kinds: readonly OpenKind[],
  name: string | null,
  signal: AbortSignal,
): Promise<CheckedEntry[]> {
  const checked: CheckedEntry[] = [];
  for (const kind of name === null ? kinds : [kindNamed(kinds, name)]) {
    for (const { head, isEnding } of kind.spool.list()) {
      if (isEnding) continue;
      const outcome = await kind.spool.check(head, signal);
      if (outcome !== 'gone') checked.push({ kind: kind.name, id: head.key, outcome });
    }
  }
  return checked;
}
