// Builds one bundle of support logs: collects and redacts, packs, scans and encrypts (docs/architecture.md).
//
// Guarantees: only redacted text is written, and only in the work folder. The archive is read back from the disk and
// scanned. If a secret is found in a file, the archive is packed again without this file; if a secret is found again,
// the job ends. A finished bundle is not built again. After a crash or a failure, the build starts over. Memory is
// constant.

import { coded } from '#errors/coded-error.ts';
import { archiveFormat } from './archive.ts';
import type { ArchiveEntry, StoredArchive } from './archive-types.ts';
import { type Collected, type CollectedFile, collect } from './collect.ts';
import type {
  BuiltBundle,
  BundlePlan,
  BundleRedaction,
  BundleRequest,
  ContentsPorts,
  LeftOut,
} from './contents-types.ts';
import { encrypted } from './encrypt.ts';
import { MANIFEST_NAME, type Manifest, manifestOf, renderManifest } from './manifest.ts';
import { redactText } from './names.ts';
import { planStore } from './plan-store.ts';
import { type ScanHit, scanArchive } from './scan.ts';
import { WorkFolder } from './work-folder.ts';

/** Space that other programs keep. */
const RESERVED_BYTES = 67_108_864;
/** The redacted files, the archive, and an encrypted copy of it; text shrinks to a tenth or less. */
const SPACE_FOR_EACH_BYTE = 1.5;
const MIN_BUNDLE_BYTES = 1_048_576;
/** The archive that is scanned. */
const PLAIN = 'archive.plain';
const MAX_SCANS = 2;

/**
 * Builds the bundle of a job in its work folder. May be called again at any time with the same folder.
 * @throws CodedError BUNDLE-SECRET, DISK-FULL, FILE-*, TOO-MANY-FILES; the reason of the signal. Then the folder is empty.
 */
export async function buildBundle(
  ports: ContentsPorts,
  request: BundleRequest,
  { work, signal }: { readonly work: string; readonly signal: AbortSignal },
): Promise<BuiltBundle> {
  const folder = new WorkFolder(ports.files, work);
  const finished = await folder.finished();
  if (finished !== null) return finished.bundle;
  await folder.start();
  try {
    return await new Build(ports, request, { folder, signal }).run(work);
  } catch (thrown) {
    // The first failure matters. What stays is deleted by the next build.
    await folder.clear().catch(() => undefined);
    throw thrown;
  }
}

/**
 * What a bundle would contain now, without writing anything.
 * @throws CodedError FILE-FAILED, TOO-MANY-FILES; the reason of the signal
 */
export async function planBundle(
  ports: ContentsPorts,
  request: BundleRequest,
  signal: AbortSignal,
): Promise<BundlePlan> {
  const { redactor } = await ports.redaction(request);
  const maxBytes = request.settings.max_bytes;
  const { files, leftOut, sourceBytes } = await collect(ports, request, {
    redactor,
    maxBytes,
    store: planStore,
    signal,
  });
  return { files: inOrder(files).map(({ file }) => file), leftOut, sourceBytes };
}

class Build {
  readonly #ports: ContentsPorts;
  readonly #request: BundleRequest;
  readonly #folder: WorkFolder;
  readonly #signal: AbortSignal;

  constructor(
    ports: ContentsPorts,
    request: BundleRequest,
    { folder, signal }: { readonly folder: WorkFolder; readonly signal: AbortSignal },
  ) {
    this.#ports = ports;
    this.#request = request;
    this.#folder = folder;
    this.#signal = signal;
  }

  async run(work: string): Promise<BuiltBundle> {
    const createdMs = this.#ports.clock.now();
    const redaction = await this.#ports.redaction(this.#request);
    const collected = await this.#collect(redaction, work);
    const packed = await this.#packClean(redaction, collected, createdMs);
    // Before the archive can leave: after a crash, the same names must not be given to others.
    await redaction.savePseudonyms();
    return await this.#freeze(packed, collected.sourceBytes);
  }

  /** At most what fits on the disk. */
  async #collect({ redactor }: BundleRedaction, work: string): Promise<Collected> {
    const wanted = this.#request.settings.max_bytes;
    const free = await this.#folder.freeSpace();
    const fitting = Math.floor((free - RESERVED_BYTES) / SPACE_FOR_EACH_BYTE);
    if (fitting < MIN_BUNDLE_BYTES) {
      const reason = `${free} bytes are free; at least ${RESERVED_BYTES + 2 * MIN_BUNDLE_BYTES} are needed`;
      throw coded('DISK-FULL', { operation: 'collect support logs in', path: work, reason, errno: 'ENOSPC' });
    }
    return await collect(this.#ports, this.#request, {
      redactor,
      maxBytes: Math.min(wanted, fitting),
      store: (index, text) => this.#folder.store(index, text),
      signal: this.#signal,
    });
  }

  async #packClean(redaction: BundleRedaction, collected: Collected, createdMs: number): Promise<Packed> {
    let files = inOrder(collected.files);
    let { leftOut } = collected;
    for (let scans = 1; ; scans += 1) {
      const manifest = await this.#manifest(redaction, { files, leftOut, createdMs });
      const packed = await this.#pack(files, manifest);
      const hits = await scanArchive(
        { ...packed.archive, format: this.#request.settings.archive },
        { redactor: redaction.redactor, signal: this.#signal },
      );
      const [first] = hits;
      if (first === undefined) return packed;
      const isNamed = files.some(({ file }) => file.name === first.name);
      if (scans === MAX_SCANS || !isNamed) throw secretFound(this.#request.job, first);
      await this.#folder.removeArchive(PLAIN);
      [files, leftOut] = await this.#setAside(files, leftOut, hits);
    }
  }

  async #setAside(
    files: readonly CollectedFile[],
    leftOut: readonly LeftOut[],
    hits: readonly ScanHit[],
  ): Promise<[CollectedFile[], LeftOut[]]> {
    const kept: CollectedFile[] = [];
    const out = [...leftOut];
    for (const one of files) {
      const hit = hits.find(({ name }) => name === one.file.name);
      if (hit === undefined) kept.push(one);
      else {
        out.push({ name: one.file.name, reason: `the final check found something to mask (${hit.rules.join(', ')})` });
        await this.#folder.drop(one.index);
      }
    }
    return [kept, out];
  }

  async #manifest(
    { redactor, rules, pseudonymGeneration }: BundleRedaction,
    made: {
      readonly files: readonly CollectedFile[];
      readonly leftOut: readonly LeftOut[];
      readonly createdMs: number;
    },
  ): Promise<Manifest> {
    const { job, case: number, note, askedBy, pseudonyms, sinceMs, settings } = this.#request;
    const redacted = async (text: string) => await redactText(redactor, text);
    const sources: string[] = [];
    for (const source of settings.sources) sources.push(await redacted(source));
    return manifestOf(
      {
        job,
        case: number === null ? null : await redacted(number),
        note: note === null ? null : await redacted(note),
        asked_by: await redacted(askedBy),
        createdMs: made.createdMs,
        sallyport: this.#ports.version,
        host: hostOf(await redacted(`host=${this.#ports.hostName}`)),
        pseudonyms,
        pseudonym_generation: pseudonymGeneration,
        sinceMs,
        sources,
        rules: rules.map(({ name, version }) => ({ name, version })),
      },
      { files: made.files.map(({ file }) => file), leftOut: made.leftOut },
    );
  }

  async #pack(files: readonly CollectedFile[], manifest: Manifest): Promise<Packed> {
    const bytes = renderManifest(manifest);
    const entries: ArchiveEntry[] = [
      { name: MANIFEST_NAME, size: bytes.length, modifiedMs: Date.parse(manifest.created_at), open: () => once(bytes) },
      ...files.map(({ file, index, modifiedMs }) => ({
        name: file.name,
        size: file.bytes,
        modifiedMs,
        open: () => this.#folder.open(index, file.bytes),
      })),
    ];
    const format = archiveFormat(this.#request.settings.archive);
    const stored = await this.#folder.storeArchive(PLAIN, this.#stoppable(format.pack(entries)));
    return { manifest, files, archive: this.#folder.archive(PLAIN, stored), stored };
  }

  async #freeze({ manifest, files, archive, stored }: Packed, sourceBytes: number): Promise<BuiltBundle> {
    const { encrypt_to: recipients, archive: name } = this.#request.settings;
    const format = archiveFormat(name);
    const plainName = `${this.#request.job}.${format.extension}`;
    const isEncrypted = recipients.length > 0;
    const fileName = isEncrypted ? `${plainName}.age` : plainName;
    let final = stored;
    if (isEncrypted) {
      final = await this.#folder.storeArchive(fileName, this.#stoppable(encrypted(archive.open(0), recipients)));
      await this.#folder.removeArchive(PLAIN);
    } else await this.#folder.renameArchive(PLAIN, fileName);
    const contentType = isEncrypted ? 'application/octet-stream' : format.contentType;
    const indexes = files.map(({ index }) => index);
    return await this.#folder.finish({ ...final, fileName, contentType, sourceBytes, manifest }, indexes);
  }

  async *#stoppable(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#signal.throwIfAborted();
      yield chunk;
    }
  }
}

interface Packed {
  readonly manifest: Manifest;
  readonly files: readonly CollectedFile[];
  readonly archive: StoredArchive;
  readonly stored: { readonly length: number; readonly sha256: string };
}

function secretFound(job: string, { name, rules }: ScanHit) {
  return coded('BUNDLE-SECRET', { job, name, rules });
}

/** The value of `host=VALUE`: as such, a name is recognized by the rules for names of hosts. */
function hostOf(text: string): string {
  return text.slice(text.indexOf('=') + 1);
}

/** By name, so that the order does not depend on times. */
function inOrder(files: readonly CollectedFile[]): CollectedFile[] {
  return files.toSorted((one, other) => (one.file.name < other.file.name ? -1 : 1));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
