// The signed feed. Metadata of The Update Framework, signed by the vendor, lists the feed and every package.
//
// Guarantees: only data that is signed for the trusted root is returned, whichever copy of the repository it came from.
// A copy that is out of date or damaged is skipped. The repository of the vendor is tried last. The highest versions
// are stored next to the packages before a result is returned. Relies on `#trust/tuf` for every check. After a crash,
// the next round continues with the stored files.

import type { Code } from '#errors/catalogue.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { TufClient } from '#trust/tuf/client.ts';
import type { TufSource } from '#trust/tuf/source.ts';
import type { KnownVersions, SignedTarget, TrustStatus, TufEvent, TufRepository } from '#trust/tuf/types.ts';
import { versionsAsJson, versionsSchema } from '#trust/tuf/versions.ts';
import type { Feed, FeedQuestion } from '#updates/feed/feed.ts';
import { type FeedItem, parseFeed } from '#updates/feed/feed-document.ts';
import type { PackageStore } from '#updates/package/package-store.ts';
import type { UpdatesRequestPorts } from '#updates/request.ts';
import { FeedCopies } from './feed-copies.ts';
import { refuseOtherOwners } from './feed-owners.ts';
import { type FeedPart, mergeFeeds } from './merge-feeds.ts';
import { feedTargets, type RepositoryCopy, repositoryCopies } from './repository-copies.ts';
import { type ReadFeeds, SignedReading } from './signed-reading.ts';
import { ROOT_LIMIT_BYTES, type TrustMemory } from './trust-memory.ts';
import { HttpTufSource } from './tuf-source.ts';

/** What a signed feed depends on. */
export interface SignedFeedPorts extends UpdatesRequestPorts {
  readonly files: Files;
  readonly trust: TrustMemory;
  /** The published packages, which say the feed that each one is from. */
  readonly store: Pick<PackageStore, 'list'>;
}

/** A package to copy from a medium. */
interface StagedTarget {
  readonly target: SignedTarget;
  readonly item: FeedItem;
  readonly note: unknown;
  readonly signal: AbortSignal;
}

/** A repository on a medium, in place of the copies of the settings. */
export interface Medium {
  readonly copy: RepositoryCopy;
  readonly source: TufSource;
  /** How long ago metadata may have expired, in milliseconds. */
  readonly expiryGraceMs: number;
  /** Whether it was made without the package of this id. */
  lacks(id: string): boolean;
  /** Called when the metadata is verified. */
  refreshed(status: TrustStatus): void;
  /** Copies a package into the staging folder. */
  stage(wanted: StagedTarget): Promise<void>;
}

/** Failures of a copy whose files do not fit together, or are older than what this host has accepted. */
const IS_BEHIND: ReadonlySet<Code> = new Set<Code>(['TUF-ROLLBACK', 'TUF-EXPIRED', 'TUF-MISSING', 'TUF-MISMATCH']);

/** The feeds at `updates.tuf`, which is read from the settings each time. */
export class TufFeed implements Feed {
  readonly #ports: SignedFeedPorts;
  readonly #medium: Medium | null;

  constructor(ports: SignedFeedPorts, medium: Medium | null = null) {
    this.#ports = ports;
    this.#medium = medium;
  }

  async read(question: FeedQuestion): Promise<SignedReading> {
    if (this.#medium !== null) return await this.#readFrom([this.#medium.copy], question);
    const copies = repositoryCopies(this.#ports.settings());
    for (const [index, copy] of copies.entries()) {
      try {
        return await this.#readFrom(copies.slice(index), question);
      } catch (thrown) {
        question.signal.throwIfAborted();
        const error = asCoded(thrown);
        // Another copy would fail in the same way.
        if (!copy.isMirror || ['system', 'config', 'internal'].includes(error.entry.class)) throw thrown;
        this.#ports.report({ name: 'mirror-skipped', error: skipped(copy, error), hop: error.place });
      }
    }
    throw coded('INTERNAL', { reason: 'the list of copies of a repository does not end with the repository itself' });
  }

  /** `copies` begins with the one to read; packages may come from any of them. */
  async #readFrom(copies: readonly RepositoryCopy[], question: FeedQuestion): Promise<SignedReading> {
    const [copy] = copies as [RepositoryCopy];
    const { signal } = question;
    const client = await this.#open(copy, question);
    const { status } = await client.refresh(signal);
    this.#medium?.refreshed(status);
    // Before the feeds are read: while one of them fails, a restored state must not go back either.
    await this.#ports.trust.keepVersions(versionsAsJson(client.knownVersions()));
    await this.#readKeys(client, signal);
    const merged = await this.#readFeeds(client, signal);
    await this.#ports.trust.accepted(versionsAsJson(client.knownVersions()));
    const reading = new SignedReading({ client, copies, ...merged });
    const medium = this.#medium;
    if (medium !== null) {
      reading.lacks = ({ id }) => medium.lacks(id);
      reading.stage = async (item, note, ending) =>
        await medium.stage({ target: await reading.targetOf(item, ending), item, note, signal: ending });
    }
    return reading;
  }

  /**
   * Reads only the license keys. A copy whose keys cannot be read is skipped, so that a mirror cannot hold back a new key.
   * @throws CodedError as `read`
   */
  async readLicenseKeys(signal: AbortSignal): Promise<void> {
    const { settings, trust } = this.#ports;
    let failed: unknown = null;
    for (const copy of repositoryCopies(settings())) {
      try {
        const client = await this.#open(copy, { revalidate: false, signal });
        await client.refresh(signal);
        await trust.keepVersions(versionsAsJson(client.knownVersions()));
        failed = await this.#readKeys(client, signal);
      } catch (thrown) {
        signal.throwIfAborted();
        failed = thrown;
      }
      if (failed === null) return;
    }
    throw failed;
  }

  /** Why they were not read. A failure does not end a round. */
  async #readKeys(repository: TufRepository, signal: AbortSignal): Promise<CodedError | null> {
    const { settings, trust, clock, report } = this.#ports;
    const path = settings().activation.license_keys_target;
    if (path === undefined) return null;
    return await trust.licenseKeys.read({ path, repository, nowMs: clock.now(), report, signal });
  }

  async #open(copy: RepositoryCopy, { revalidate, onConnected }: FeedQuestion): Promise<TufRepository> {
    const { files, clock, trust, report } = this.#ports;
    const source =
      this.#medium?.source ??
      new HttpTufSource(this.#ports, {
        copy,
        revalidate,
        ...(onConnected === undefined ? {} : { onConnected: () => onConnected() }),
      });
    // First, because it completes a replacement of the root that was interrupted.
    const root = await loadTrustedRoot(this.#ports);
    return await TufClient.open({
      files,
      dir: trust.metadataDir,
      source,
      nowMs: clock.now(),
      ...root,
      minimumVersions: minimumVersions(trust),
      expiryGraceMs: this.#medium?.expiryGraceMs ?? 0,
      report: (event) => reportTuf(report, event),
    });
  }

  /** @throws CodedError TUF-TARGET-UNKNOWN, FEED-*, and codes of the client */
  async #readFeeds(client: TufRepository, signal: AbortSignal): Promise<ReadFeeds> {
    const copies = new FeedCopies(this.#ports.files, this.#ports.trust.feedsDir);
    const readFeed = (target: SignedTarget) => copies.read(target, () => client.download(target, signal));
    const parts: FeedPart[] = [];
    const targets: SignedTarget[] = [];
    for (const path of feedTargets(this.#ports.settings())) {
      const target = await client.find(path, signal);
      if (target === null) throw coded('TUF-TARGET-UNKNOWN', { path });
      parts.push({ path, document: parseFeed(await readFeed(target)) });
      targets.push(target);
    }
    await copies.keepOnly(targets);
    const sha256 = targets.map(({ hashes }) => hashes.get('sha256') ?? hashes.get('sha512')).join(' ');
    const published = parts.length === 1 ? [] : (await this.#ports.store.list()).map(({ sidecar }) => sidecar);
    // First, so that a team cannot block the packages of another by listing them as well.
    const own = refuseOtherOwners(parts, published);
    return { ...mergeFeeds(own as [FeedPart, ...FeedPart[]]), sha256, feeds: targets, readFeed };
  }
}

/**
 * The root that everything is verified from: the imported one, or the file of the settings.
 * @throws CodedError TUF-ROOT-FILE
 */
export async function loadTrustedRoot({
  files,
  trust,
  settings,
}: Pick<SignedFeedPorts, 'files' | 'trust' | 'settings'>): Promise<{ initialRoot: Uint8Array; rootFile: string }> {
  const imported = await trust.importedRoot();
  if (imported !== null) return { initialRoot: imported, rootFile: trust.importedRootPath };
  const rootFile = settings().updates.tuf?.root_file;
  if (rootFile === undefined)
    throw coded('CONFIG-INCOMPLETE', { key: 'updates.tuf.root_file', what: 'no signature can be verified' });
  try {
    // Tools that manage configuration often make a link to the current file.
    return { initialRoot: await readWhole(files, await files.realPath(rootFile), ROOT_LIMIT_BYTES), rootFile };
  } catch (thrown) {
    const { code, safeText } = asCoded(thrown);
    throw coded(
      'TUF-ROOT-FILE',
      { path: rootFile, reason: code === 'INTERNAL' ? 'it cannot be read' : safeText },
      thrown,
    );
  }
}

/** The versions next to the packages; null without any that this version can read. */
export function minimumVersions({ besidePackages }: TrustMemory): KnownVersions | null {
  return besidePackages === null ? null : (versionsSchema.safeParse(besidePackages).data ?? null);
}

/** Reports what the client notes, as events of the log. */
export function reportTuf(report: SignedFeedPorts['report'], event: TufEvent): void {
  switch (event.kind) {
    case 'root-rotated':
      report({ name: 'root-rotated', from: event.from, to: event.to, fingerprint: event.fingerprint });
      break;
    case 'online-keys-rotated':
      report({ name: 'online-keys-rotated', root: event.root });
      break;
    case 'set-aside':
      report({ name: 'state-set-aside', error: event.error });
      break;
    case 'state-restored':
    case 'clock-back':
      report({ name: event.kind, error: event.error });
      break;
  }
}

function skipped({ metadata }: RepositoryCopy, error: CodedError): CodedError {
  const url = shownUrl(metadata);
  return IS_BEHIND.has(error.code) ? coded('MIRROR-STALE', { url, cause: error.code }, error) : error;
}
