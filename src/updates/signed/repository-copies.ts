// Lists the copies of a signed repository: first its mirrors in the order of the settings, then the vendor's own. Pure.

import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { folderUrl, targetsUrl } from '#updates/request.ts';

/** One copy of the repository. */
export interface RepositoryCopy {
  /** The folders of metadata and targets, each with a slash at its end. */
  readonly metadata: URL;
  readonly targets: URL;
  /** Whether tokens and headers may be sent to the origin of the metadata. */
  readonly credentials: boolean;
  readonly isMirror: boolean;
}

/** @throws CodedError CONFIG-INCOMPLETE without a configured repository */
export function repositoryCopies({ updates: { tuf } }: Pick<Settings, 'updates'>): readonly RepositoryCopy[] {
  if (tuf === undefined)
    throw coded('CONFIG-INCOMPLETE', { key: 'updates.tuf', what: 'there is no signed feed to read' });
  return [
    ...tuf.mirrors.map((mirror) => ({ ...foldersOf(mirror), credentials: false, isMirror: true })),
    { ...foldersOf(tuf), credentials: true, isMirror: false },
  ];
}

/** The paths of the feeds among the targets. */
export function feedTargets({ updates: { tuf } }: Pick<Settings, 'updates'>): readonly string[] {
  const paths = tuf?.feed_target ?? [];
  return typeof paths === 'string' ? [paths] : paths;
}

function foldersOf(written: { readonly metadata_url: string; readonly targets_url?: string }) {
  return { metadata: folderUrl(written.metadata_url), targets: targetsUrl(written) };
}
