// The reasons why a file or source is not in a bundle. Each says how to change that.

import { CodedError } from '#errors/coded-error.ts';
import type { FileFacts } from '#system/files.ts';
import { groupName } from '#system/process/group.ts';

/** Ends the collection of one source; the others continue. */
export class LeftOutError extends Error {
  override readonly name = 'LeftOutError';
}

/** Why a file or folder cannot be read, with the group that would change it. */
export async function unreadable(error: CodedError, facts: FileFacts | null): Promise<string> {
  const { errno } = error.facts;
  if (errno !== 'EACCES' && errno !== 'EPERM') return error.safeText;
  if (facts === null || (facts.mode & 0o040) === 0) return 'the service may not read it, and neither may any group';
  const group = (await groupName(facts.group).catch(() => null)) ?? String(facts.group);
  return `the service may not read it; ${allowedTo(group)}`;
}

/** What would let the service read it. The drop-in is in systemd/examples. */
export function allowedTo(group: string): string {
  return `membership in the group ${group} would allow it (example drop-in: support-logs.conf)`;
}

/** The reason for something that was thrown while it was collected or redacted. Foreign text is not in it. */
export function leftOutReason(thrown: unknown): string {
  if (thrown instanceof LeftOutError) return thrown.message;
  if (thrown instanceof CodedError) return thrown.safeText;
  const { name, code } = thrown as NodeJS.ErrnoException;
  return `it cannot be redacted (${code ?? name})`;
}
