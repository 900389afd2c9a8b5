// Lists all files and journals that the sources name, the newest first.

import { basename, dirname, join } from 'node:path';
import { BUILT_IN_SOURCES, parseSource } from '#config/schema/upload-values.ts';
import { CodedError, isExhaustion } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import type { BundleItem, BundleRequest, ContentsPorts, GivenSource, LeftOut } from './contents-types.ts';
import { type FoundFiles, findFiles } from './find-files.ts';
import { makeGuard } from './guard.ts';

/** The only unit whose journal is a default source. */
const OWN_UNIT = 'sallyport.service';
/** Files and journals of one bundle. */
const MAX_ITEMS = 2_000;
/** What the default log file becomes when Sallyport or logrotate rotates it: `.1`, `.2.gz`, `-20261130.zst`. */
const ROTATION = /^[.-]\d{1,14}(?:\.\w{1,4})?$/;

/** Everything to collect, in the order of collecting. */
export interface BundleItems {
  readonly items: readonly BundleItem[];
  readonly leftOut: readonly LeftOut[];
}

/** @throws CodedError FILE-FAILED if what must not be collected cannot be examined; the reason of the signal */
export async function itemsOf(ports: ContentsPorts, request: BundleRequest, signal: AbortSignal): Promise<BundleItems> {
  const guard = await makeGuard(ports.files, ports.neverCollected());
  const found: BundleItem[] = [];
  const leftOut: LeftOut[] = [];
  for (const text of new Set(request.settings.sources)) {
    const source = parseSource(text);
    const add = (more: FoundFiles) => {
      found.push(...more.items);
      leftOut.push(...more.leftOut);
    };
    if (source.kind === 'files') add(await findFiles(source.pattern, { guard, nameOf: hostName, signal }));
    else if (source.kind === 'journal') found.push(journal(source.unit, ports));
    else if (source.name === 'journal') found.push(journal(OWN_UNIT, ports));
    else if (source.name === 'log') add(await findLog(ports, { guard, signal }));
    else found.push(given(source.name));
  }
  return chosen(found, leftOut, request.sinceMs);
}

function given(source: GivenSource): BundleItem {
  const name = `${source}.${source === 'configuration' ? 'yaml' : 'json'}`;
  return { name, modifiedMs: Number.POSITIVE_INFINITY, content: { kind: 'given', source } };
}

function journal(unit: string, { clock }: ContentsPorts): BundleItem {
  return { name: `journal/${unit}.log`, modifiedMs: clock.now(), content: { kind: 'journal', unit } };
}

/** The name in the archive of a file of this host. */
function hostName(path: string): string {
  return `host${path}`;
}

/** Our log file with its rotations. The path is one of the configuration, so links in it are resolved. */
async function findLog(
  { files, logFile }: ContentsPorts,
  options: { readonly guard: Awaited<ReturnType<typeof makeGuard>>; readonly signal: AbortSignal },
): Promise<FoundFiles> {
  const nameOf = (path: string) => `log/${basename(path)}`;
  if (logFile === null) return { items: [], leftOut: [{ name: 'log', reason: 'logging has no log file' }] };
  const folder = await realFolder(files, logFile);
  if (typeof folder !== 'string') return { items: [], leftOut: [{ name: nameOf(logFile), reason: folder.reason }] };
  const name = basename(logFile);
  const { items, leftOut } = await findFiles(join(folder, `${name}*`), { ...options, nameOf });
  const isOurs = (found: string) => found === `log/${name}` || ROTATION.test(found.slice(`log/${name}`.length));
  return {
    items: items.filter((one) => isOurs(one.name)),
    leftOut: leftOut
      // About the folder.
      .map((one) => (one.name === `log/${name}*` ? { ...one, name: `log/${name}` } : one))
      .filter((one) => isOurs(one.name)),
  };
}

async function realFolder(files: Files, logFile: string): Promise<string | { readonly reason: string }> {
  try {
    return await files.realPath(dirname(logFile));
  } catch (thrown) {
    if (thrown instanceof CodedError && !isExhaustion(thrown)) return { reason: thrown.safeText };
    throw thrown;
  }
}

function chosen(found: readonly BundleItem[], leftOut: LeftOut[], sinceMs: number | null): BundleItems {
  const items: BundleItem[] = [];
  const seen = new Set<string>();
  for (const one of found.toSorted((left, right) => order(left, right))) {
    const key = keyOf(one);
    if (seen.has(key)) continue;
    seen.add(key);
    if (sinceMs !== null && one.content.kind === 'file' && one.modifiedMs < sinceMs) {
      leftOut.push({ name: one.name, reason: `it was last changed at ${utcTime(one.modifiedMs)}, which is too old` });
    } else if (items.length === MAX_ITEMS) {
      leftOut.push({ name: one.name, reason: `the bundle already has ${MAX_ITEMS} newer files` });
    } else items.push(one);
  }
  return { items, leftOut };
}

/** Small texts first, then the newest; the name decides between equals. */
function order(left: BundleItem, right: BundleItem): number {
  if (left.modifiedMs !== right.modifiedMs) return left.modifiedMs < right.modifiedMs ? 1 : -1;
  if (left.content.kind === 'given' && right.content.kind === 'given') {
    return BUILT_IN_SOURCES.indexOf(left.content.source) - BUILT_IN_SOURCES.indexOf(right.content.source);
  }
  return left.name < right.name ? -1 : 1;
}

/** Two patterns can find the same file. */
function keyOf({ name, content }: BundleItem): string {
  return content.kind === 'file' ? `${content.identity.device}:${content.identity.inode}` : name;
}
