// Keeps a copy of a whole signed repository in a folder, which any static web server can give to other hosts.
//
// Guarantees: at every moment, a reader finds a complete repository, or none that has a timestamp. A file is written
// before the files that refer to it, and the timestamp last, each by one rename. Every file was verified before it is
// written. A crash leaves the previous repository and files that nothing refers to; the next run continues, also with
// partly downloaded packages. Without consistent snapshots new files would replace those that are in use, so of a
// finished mirror of such a repository only the timestamp is updated, and only if nothing else has changed. Exception: a
// reader between a new root that replaces the key of the timestamp and the new timestamp refuses the mirror.

import { dirname, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { digestFile } from '#system/digest.ts';
import { publishFile, readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { closeJournal } from '#transfer/journal.ts';
import { TufClient } from '#trust/tuf/client.ts';
import { findDifference } from '#trust/tuf/hashes.ts';
import type { SignedTarget } from '#trust/tuf/types.ts';
import type { FeedReading, PackageUrl } from '#updates/feed/feed.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { download } from '#updates/package/download.ts';
import { PackageStore } from '#updates/package/package-store.ts';
import { PackageTurn } from '#updates/package/turn.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type RepositoryCopy, repositoryCopies } from '#updates/signed/repository-copies.ts';
import { loadTrustedRoot, reportTuf } from '#updates/signed/tuf-feed.ts';
import { HttpTufSource, targetUrl } from '#updates/signed/tuf-source.ts';
import { metadataPath, targetPath } from './medium-files.ts';

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
const TIMESTAMP = 'timestamp.json';
/** What the client keeps between two runs. Static servers do not serve names that begin with a dot, or need not. */
const CLIENT_FOLDER = '.sallyport';
/** Targets up to this size are read into memory; larger ones are downloaded like packages. The limit of the client. */
const SMALL_BYTES = 4_194_304;

/** What a run did. */
export interface MirrorReport {
  readonly targets: number;
  /** Those that were downloaded now, and their bytes. */
  readonly fetched: number;
  readonly bytes: number;
  readonly metadata: number;
}

/** @throws CodedError IMPORT-UNSIGNED, MIRROR-UNVERSIONED, TUF-*, FILE-*, DISK-FULL, and codes of the route and the exchange */
export async function mirrorRepository(ports: UpdatesPorts, dir: string, signal: AbortSignal): Promise<MirrorReport> {
  const { files, clock, report } = ports;
  const settings = ports.settings();
  if (settings.updates.trust !== 'tuf') throw coded('IMPORT-UNSIGNED', { path: dir });
  const copy = repositoryCopies(settings).at(-1) as RepositoryCopy;
  await files.makeDirectory(dir, FOLDER_MODE);
  const client = await TufClient.open({
    files,
    dir: join(dir, CLIENT_FOLDER),
    source: new HttpTufSource(ports, { copy, revalidate: true }),
    nowMs: clock.now(),
    ...(await loadTrustedRoot(ports)),
    report: (event) => reportTuf(report, event),
  });
  await client.refresh(signal);
  const isFinished = (await files.facts(metadataPath(dir, TIMESTAMP))) !== null;
  // The timestamp comes last, so nothing is written before everything was compared.
  const mayReplace = !isFinished || client.status().consistentSnapshot;
  const done = { targets: 0, fetched: 0, bytes: 0, metadata: 0 };
  for await (const file of client.everything(signal)) {
    signal.throwIfAborted();
    if (file.kind === 'metadata') {
      const path = metadataPath(dir, file.name);
      done.metadata += 1;
      if (!mayReplace && file.name !== TIMESTAMP) {
        if (!(await hasContent(files, path, file.bytes))) throw coded('MIRROR-UNVERSIONED', { path: dir });
        continue;
      }
      await files.makeDirectory(dirname(path), FOLDER_MODE);
      await writeDurably(files, path, file.bytes, FILE_MODE);
      continue;
    }
    done.targets += 1;
    if (await isThere(ports, dir, { target: file.target, signal })) continue;
    if (!mayReplace) throw coded('MIRROR-UNVERSIONED', { path: dir });
    await fetchTarget({ ...ports, store: new PackageStore(files, dir) }, { client, copy, dir, ...file }, signal);
    done.fetched += 1;
    done.bytes += file.target.length;
  }
  report({ name: 'mirrored', path: dir, targets: done.targets, fetched: done.fetched, size: done.bytes });
  return done;
}

async function hasContent(files: Files, path: string, bytes: Uint8Array): Promise<boolean> {
  const facts = await files.facts(path);
  if (facts?.kind !== 'file' || facts.size !== bytes.length) return false;
  return Buffer.compare(await readWhole(files, path, bytes.length), bytes) === 0;
}

/** The first name is the one that clients request first. */
function placeOf(dir: string, { names }: SignedTarget): string {
  return targetPath(dir, names[0] ?? '');
}

/** A name with a digest in it proves nothing: another program, or a bad disk, may have changed the file. */
async function isThere(
  { files }: UpdatesPorts,
  dir: string,
  { target, signal }: { readonly target: SignedTarget; readonly signal: AbortSignal },
): Promise<boolean> {
  const path = placeOf(dir, target);
  const facts = await files.facts(path);
  if (facts?.kind !== 'file' || facts.size !== target.length) return false;
  if (target.length <= SMALL_BYTES) return findDifference(await readWhole(files, path, SMALL_BYTES), target) === null;
  const file = await files.openToRead(path);
  try {
    for (const [algorithm, expected] of target.hashes) {
      if ((await digestFile(file, signal, algorithm)) !== expected) return false;
    }
    return true;
  } finally {
    await file.close();
  }
}

interface Wanted {
  readonly client: TufClient;
  readonly copy: RepositoryCopy;
  readonly dir: string;
  readonly target: SignedTarget;
}

async function fetchTarget(
  ports: UpdatesPorts,
  { client, copy, dir, target }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { files, store } = ports;
  const path = placeOf(dir, target);
  await files.makeDirectory(dirname(path), FOLDER_MODE);
  if (target.length <= SMALL_BYTES) {
    await writeDurably(files, path, await client.download(target, signal), FILE_MODE);
    return;
  }
  const item = itemOf(target);
  await store.prepare();
  const turn = new PackageTurn(ports.clock);
  const wanted = { item, reading: readingOf(copy, target), turn, form: 'any', digests: target.hashes } as const;
  const { fetched } = await download(ports, wanted, signal);
  await publishFile(files, fetched.path, path);
  await closeJournal(files, store.stagingDir, item.id);
}

/** A large target as the item of a feed, so that it is downloaded, resumed and verified like a package. */
function itemOf({ length, hashes }: SignedTarget): FeedItem {
  // At least one digest is known (`readHashes`); not every repository lists SHA-256.
  const [digest = ''] = hashes.values();
  const sha256 = hashes.get('sha256') ?? digest;
  const released = utcTime(0);
  const about = { package: 'mirror', sequence: 0, kind: 'content', channel: 'stable', released } as const;
  return {
    id: `mirror-${sha256.slice(0, 40)}`,
    length,
    sha256,
    ...about,
    requires: [],
    withdrawn: false,
  } as unknown as FeedItem;
}

function readingOf({ targets, metadata, credentials }: RepositoryCopy, { names }: SignedTarget): FeedReading {
  const places = names.map((name) => ({
    url: targetUrl(targets, name),
    configured: targets,
    credentials: credentials && targets.origin === metadata.origin,
  }));
  const document = { serial: 0, expiresMs: 0, items: [], refused: [] };
  return {
    document,
    sha256: '',
    trust: 'signed',
    refusal: () => null,
    originOf: () => targets.origin,
    locate: () => Promise.resolve(places as unknown as readonly [PackageUrl, ...PackageUrl[]]),
  };
}
