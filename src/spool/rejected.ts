// Reads the entries that a server rejected (`rejected/`), to show them to an admin. They are never sent.

import { join } from 'node:path';
import { type AttachmentBody, attachmentBody } from './attachment.ts';
import type { KindFolder } from './folder.ts';
import type { SpoolKind } from './kind.ts';
import { checkBody } from './load.ts';
import { partName, readName } from './names.ts';

/** An entry that the server refused for good. */
export interface RejectedEntry<Body> {
  readonly key: string;
  readonly acceptedAtMs: number;
  readonly attempts: number;
  readonly reason: string;
  /** Null if it can no longer be read. */
  readonly body: Body | null;
  /** Of its files. */
  readonly bytes: number;
  /** What was refused; null if it is all in the body. */
  readonly attachment: AttachmentBody | null;
}

/** Every entry with a readable head, oldest first. */
export async function readRejected<Body>(
  kind: SpoolKind<Body>,
  folder: KindFolder,
): Promise<readonly RejectedEntry<Body>[]> {
  const { files, rejected } = folder;
  const found: RejectedEntry<Body>[] = [];
  for (const { names, bytes } of rejected.list()) {
    for (const name of names) {
      const own = readName(name);
      if (own?.part !== 'json') continue;
      const read = await folder.readAt(join(rejected.dir, name));
      if (read.kind !== 'record') continue;
      const { head, body, ending } = read.record;
      const { key, acceptedAtMs, attempts, attachment } = head;
      const path = join(rejected.dir, partName(own.sequence, 'attachment'));
      found.push({
        key,
        acceptedAtMs,
        attempts,
        reason: ending?.does === 'reject' ? ending.reason : '-',
        body: checkBody(kind, head.kind, body) === null ? kind.body.parse(body) : null,
        bytes,
        attachment: attachment === null ? null : attachmentBody(files, path, attachment),
      });
    }
  }
  return found;
}
