// The inputs and outputs of an archive. Types only.

/** A file to pack. */
export interface ArchiveEntry {
  readonly name: string;
  /** Bytes; must be what `open` returns. */
  readonly size: number;
  readonly modifiedMs: number;
  /** Each chunk is valid until the next one is requested. */
  open(): AsyncIterable<Uint8Array>;
}

/** A file that is read back from an archive. */
export interface PackedFile {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** An archive on disk. */
export interface StoredArchive {
  readonly length: number;
  /** Its bytes from an offset. Each chunk is valid until the next one is requested. */
  open(offset: number): AsyncIterable<Uint8Array>;
}
