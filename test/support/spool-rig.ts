// Spools of any kind over a disk of tests.

import type { SallyportEvent } from '#logging/events.ts';
import { openSpool } from '#spool/open.ts';
import type { EntryHead, Spool, SpoolEntry, SpoolKind } from '#spool/spool.ts';
import type { Files } from '#system/files.ts';
import { FakeClock } from './fake-clock.ts';

export const OUTBOX = '/state/outbox';

/** What an entry holds in tests. */
export interface Named {
  readonly id: string;
}

export interface OpenedSpool {
  readonly spool: Spool<Named>;
  readonly events: SallyportEvent[];
  readonly clock: FakeClock;
}

/** A kind of this name; its bodies have an `id` and nothing else. */
export function kindOf(name: string, quota: Partial<SpoolKind<Named>['quota']> = {}): SpoolKind<Named> {
  return {
    name,
    quota: { entries: 100, bytes: 1_000_000, ...quota },
    body: { parse: parseNamed },
    setAside: (error) => ({ name: 'receipt-quarantined', error }),
  };
}

function parseNamed(raw: unknown): Named {
  const { id } = (raw ?? {}) as { id?: unknown };
  if (typeof id !== 'string') throw new Error('it has no id');
  return { id };
}

/** Opens the spool of a kind. */
export async function openKind(
  files: Files,
  kind: SpoolKind<Named>,
  options: { readonly clock?: FakeClock; readonly outbox?: string; readonly formerDir?: string } = {},
): Promise<OpenedSpool> {
  const { clock = new FakeClock(), outbox = OUTBOX, formerDir } = options;
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => void events.push(event);
  const former = formerDir === undefined ? {} : { formerDir };
  return { spool: await openSpool({ files, outbox, clock, report, ...former }, kind), events, clock };
}

/** The head of an entry that waits, due or not. */
export function headOf(spool: Spool<Named>, key: string): EntryHead {
  const head = spool.due(Number.MAX_SAFE_INTEGER).find((one) => one.key === key);
  if (head === undefined) throw new Error(`${key} does not wait`);
  return head;
}

/** Keys of what waits, in the order of delivery. */
export function keysOf(spool: Spool<Named>, nowMs = Number.MAX_SAFE_INTEGER): string[] {
  return spool.due(nowMs).map(({ key }) => key);
}

/** An attachment whose content is derived from its name. */
export function attachmentOf(name: string, bytes: number, chunkBytes = 7): { open(): AsyncIterable<Uint8Array> } {
  const content = contentOf(name, bytes);
  return {
    open: async function* () {
      for (let at = 0; at < bytes; at += chunkBytes) {
        yield await Promise.resolve(content.subarray(at, Math.min(bytes, at + chunkBytes)));
      }
    },
  };
}

/** The bytes of such an attachment. */
export function contentOf(name: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${name}.`);
}

/** Everything that an attachment gives from an offset on. */
export async function readAttachment(spool: Spool<Named>, head: EntryHead, offset = 0): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of spool.attachment(head)?.open(offset) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** An entry with its body. */
export async function entryOf(spool: Spool<Named>, key: string): Promise<SpoolEntry<Named>> {
  const entry = await spool.read(headOf(spool, key));
  if (entry === null) throw new Error(`${key} is gone`);
  return entry;
}
