// Formats the output of `sallyport queue`: a row for each kind of data with its quota, a table of entries, and all
// facts about one entry. Pure.

import type { QueueDetail, QueueEntry, QueueKindRow, QueueList } from '#control/queue.ts';
import { showForeign, showSize, wrapWords } from '#errors/template.ts';
import { ago, type Row, timeText } from './status-rows.ts';
import { formatRows, formatTable } from './table.ts';

/** Ids that are digests are cut to this many characters; `show` accepts the beginning of an id. */
const DIGEST_SHOWN = 16;
const DIGEST = /^[0-9a-f]{64}$/;
const INDENT = '  ';

/** `receipt/3fa91b22c0de4411`: an id as the commands accept it. */
export function shownEntry({ kind, id }: Pick<QueueEntry, 'kind' | 'id'>): string {
  return `${showForeign(kind)}/${showForeign(DIGEST.test(id) ? id.slice(0, DIGEST_SHOWN) : id)}`;
}

/** The kinds, then their entries. */
export function listLines({ at, kinds }: QueueList, width: number): string[] {
  const entries = kinds.flatMap((kind) => kind.entries);
  const rows = kinds.map((kind): Row => [kind.kind, usageText(kind, at)]);
  return [
    ...formatRows(rows, { width }),
    ...(entries.length === 0 ? ['No entries.'] : ['', ...tableOf(entries, width)]),
    ...kinds.flatMap(({ kind, omitted }) => (omitted === 0 ? [] : [`Not listed: ${omitted} more of kind ${kind}.`])),
    ...hintsFor(entries).flatMap((hint) => wrapWords(hint, width)),
  ];
}

/** `2 of 10000 receipts, 610 bytes of 67.1 MB, oldest 3 h ago`. */
export function usageText(kind: Omit<QueueKindRow, 'kind' | 'title' | 'entries' | 'omitted'>, at: string): string {
  const { waiting, quota, unit, oldest } = kind;
  const aside = (['held', 'rejected', 'quarantined'] as const).flatMap((state) => {
    const name = state === 'quarantined' ? 'damaged' : state;
    return kind[state] === 0 ? [] : [`${kind[state]} ${name}`];
  });
  const full = [
    `${waiting.items} of ${quota.items} ${unit}`,
    `${showSize(waiting.bytes)} of ${showSize(quota.bytes)}`,
    ...(oldest === null ? [] : [`oldest ${ago(oldest, at)}`]),
  ];
  return [full.join(', '), aside.join(', ')].filter((part) => part !== '').join('; ');
}

function tableOf(entries: readonly QueueEntry[], width: number): string[] {
  const rows = entries.map((entry) => [
    shownEntry(entry),
    stateText(entry),
    entry.attempts,
    showSize(entry.content?.bytes ?? entry.bytes),
    entry.last_failure === null ? '' : showForeign(entry.last_failure.code),
  ]);
  return formatTable(['KIND/ID', 'STATE', 'FAILED', 'SIZE', 'LAST FAILURE'], rows, width);
}

function stateText({ state, next_try: next }: QueueEntry): string {
  return state === 'waiting' && next !== null ? `next try ${timeText(next)}` : state;
}

function hintsFor(entries: readonly QueueEntry[]): string[] {
  const is = (state: QueueEntry['state']) => entries.some((entry) => entry.state === state);
  return [
    ...(is('held') ? ['Held entries are sent again only after: sallyport queue retry KIND/ID'] : []),
    ...(is('rejected') ? ['Rejected entries are never sent again. To see why: sallyport queue show KIND/ID'] : []),
  ];
}

/** One entry in full. `at` is the time of this process. */
export function detailLines(detail: QueueDetail, at: string, width: number): string[] {
  const { entry, documents } = detail;
  const rows = [...entryRows(detail, at), ...factRows(detail)];
  return [
    `${showForeign(entry.kind)}/${showForeign(entry.id)}`,
    ...formatRows(rows, { width }),
    ...(documents.length === 0 ? [] : [headOfDocuments(detail)]),
    ...documents.flatMap(({ id, reason }) => {
      const line = reason === null ? showForeign(id) : `${showForeign(id)}: ${showForeign(reason)}`;
      return wrapWords(`${INDENT}${line}`, width, INDENT.length * 2);
    }),
  ];
}

function headOfDocuments({ entry, documents }: QueueDetail): string {
  if (entry.state === 'rejected') return `Rejected documents (the first ${documents.length}):`;
  return `Documents (the first ${documents.length} of ${entry.content?.items ?? documents.length}):`;
}

/** The size of an entry, and for a batch the number of its documents. */
export function sizeText({ kind, bytes, content }: QueueEntry): string {
  const size = showSize(content?.bytes ?? bytes);
  if (kind !== 'batch' || content === null) return size;
  return `${size} in ${content.items} ${content.items === 1 ? 'document' : 'documents'}`;
}

function entryRows({ entry, failure, reason, sha256 }: QueueDetail, at: string): Row[] {
  const { accepted_at: accepted, attempts, last_failure: failed } = entry;
  const rows: Row[] = [
    ['state', stateSentence(entry)],
    ['accepted', `${timeText(accepted)} (${ago(accepted, at)})`],
    ['attempts', attempts === 0 ? 'none failed' : `${attempts} failed`],
    ['size', sizeText(entry)],
  ];
  if (failed !== null) {
    const { message, hop, check } = failure ?? { message: null, hop: null, check: null };
    const place = hop === null ? '' : `At ${hop}.`;
    const words = [`[${showForeign(failed.code)}]`, message, place, check].filter((part) => part).join(' ');
    rows.push(['last failure', `${timeText(failed.at)} (${ago(failed.at, at)}): ${words}`]);
  }
  if (reason !== null) rows.push(['reason', showForeign(reason)]);
  if (sha256 !== null) rows.push(['sha256', sha256]);
  return rows;
}

function stateSentence(entry: QueueEntry): string {
  const id = shownEntry(entry);
  switch (entry.state) {
    case 'due':
      return 'due; it is sent as soon as the daemon can';
    case 'waiting':
      return `${stateText(entry)}; to send it now: sallyport queue retry ${id}`;
    case 'held':
      return `held; it is sent again only after: sallyport queue retry ${id}`;
    case 'ending':
      return 'ending; it is removed when the disk has space';
    case 'rejected':
      return 'rejected by the server; it is never sent again';
  }
}

/** The size and the digest have rows of their own, and the id is the first line. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(['sha256', 'key', 'documents', 'length']);

function factRows({ facts, entry: { content } }: QueueDetail): Row[] {
  return Object.entries(facts).flatMap(([name, value]): Row[] => {
    if (SHOWN_ELSEWHERE.has(name) && (name !== 'length' || content !== null)) return [];
    if (typeof value === 'number') return [[showForeign(name), String(value)]];
    return typeof value === 'string' ? [[showForeign(name), showForeign(value)]] : [];
  });
}
