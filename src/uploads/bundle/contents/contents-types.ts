// The inputs and outputs of building a bundle of support logs. Types only.

import type { Settings } from '#config/settings.ts';
import type { Clock } from '#system/clock.ts';
import type { FileIdentity, Files, OpenFile } from '#system/files.ts';
import type { StreamedCommands } from '#system/process/command.ts';
import type { BundleRedactor } from '#uploads/redaction/redactor.ts';
import type { Manifest, ManifestFile } from './manifest.ts';

/** The settings of support logs. */
export type SupportLogs = Pick<
  Settings['support_logs'],
  'max_bytes' | 'sources' | 'archive' | 'encrypt_to' | 'redaction'
>;

/** Sources whose text another part makes. Configuration is YAML, with secrets as `***`; the others are JSON. */
export type GivenSource = 'configuration' | 'status' | 'diagnosis' | 'timeouts' | 'versions';

/** Who asked for a bundle, and what it contains. */
export interface BundleRequest {
  /** Part of file names: letters, digits, dots, dashes and underscores. */
  readonly job: string;
  readonly case: string | null;
  readonly note: string | null;
  /** Nothing older, in ms since the epoch. Files are compared by their time of modification. */
  readonly sinceMs: number | null;
  /** Such as `admin root`, `schedule`, or a request of the platform. */
  readonly askedBy: string;
  /** Whether names of hosts and users, and addresses, are replaced. */
  readonly pseudonyms: boolean;
  readonly settings: SupportLogs;
}

/** Masks what must not leave this host. */
export interface BundleRedaction {
  readonly redactor: BundleRedactor;
  readonly rules: readonly { readonly name: string; readonly version: number }[];
  /** The generation of the pseudonyms, as it is in their names; null for the first one of a host, or without them. */
  readonly pseudonymGeneration: string | null;
  /** Makes the pseudonyms durable that it gave. @throws CodedError DISK-FULL, FILE-* */
  savePseudonyms(): Promise<void>;
}

/** What is never collected, whatever the sources say. Missing paths are ignored. */
export interface NeverCollected {
  /** With everything below: the state, the packages, credentials. */
  readonly folders: readonly string[];
  /** The configuration and every file that it names. */
  readonly files: readonly string[];
}

export interface ContentsPorts {
  /** For the work folder. */
  readonly files: Files;
  readonly clock: Clock;
  readonly commands: StreamedCommands;
  /** The current log file; null if there is none. Its rotations are next to it. */
  readonly logFile: string | null;
  readonly hostName: string;
  /** Of Sallyport. */
  readonly version: string;
  /** Absolute. */
  readonly journalctl: string;
  neverCollected(): NeverCollected;
  /** @throws whatever; the source is then left out */
  builtIn(name: GivenSource, signal: AbortSignal): Promise<string>;
  redaction(request: BundleRequest): Promise<BundleRedaction>;
}

/** A finished bundle. */
export interface BuiltBundle {
  readonly path: string;
  readonly length: number;
  /** Hex. */
  readonly sha256: string;
  readonly fileName: string;
  readonly contentType: string;
  /** Bytes that were read, before redaction. */
  readonly sourceBytes: number;
  readonly manifest: Manifest;
}

/** What a bundle would contain. */
export interface BundlePlan {
  readonly sourceBytes: number;
  readonly files: readonly ManifestFile[];
  readonly leftOut: readonly LeftOut[];
}

/** Something that is not in the bundle. */
export interface LeftOut {
  readonly name: string;
  /** In words. */
  readonly reason: string;
}

/** Something to collect. */
export interface BundleItem {
  /** In the archive, before redaction. */
  readonly name: string;
  /** Newer ones are collected first. */
  readonly modifiedMs: number;
  readonly content:
    | { readonly kind: 'given'; readonly source: GivenSource }
    | { readonly kind: 'journal'; readonly unit: string }
    | FileContent;
}

/** A file as it was listed. */
export interface FileContent {
  readonly kind: 'file';
  readonly path: string;
  readonly size: number;
  readonly identity: FileIdentity;
  /** Opens it again, without following a link. @throws CodedError */
  open(): Promise<OpenFile>;
}
