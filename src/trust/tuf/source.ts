// The interface through which the TUF client gets the files of one repository. The client never builds a URL or opens a
// connection. A source does this over the route of its purpose.

/** A request for one metadata file. */
export interface MetadataRequest {
  /**
   * The plain name, such as `3.root.json`, `timestamp.json` or `12.team/b.json`. A source encodes it as one segment of
   * a path (`encodeURIComponent`), so that `?`, `#`, `/` and `..` in the name of a role are harmless.
   */
  readonly name: string;
  /** Maximum length in bytes. A source stops reading there, whatever `Content-Length` says (TUF 5.3.3, 5.4.1, 5.5.1, 5.6.1). */
  readonly limitBytes: number;
  /** Whether caches must ask the repository again (`Cache-Control: no-cache`). True for roots and the timestamp. */
  readonly revalidate: boolean;
  readonly signal: AbortSignal;
}

/** `missing` only if the repository itself says that it has no such file: root rotation ends there (TUF 5.3.3). */
export type MetadataReply = { readonly kind: 'found'; readonly bytes: Uint8Array } | { readonly kind: 'missing' };

/** A request for a small target, such as the feed. */
export interface TargetRequest {
  /** Paths relative to the URL of the targets, best first. They differ only in the digest before the file name. */
  readonly names: readonly string[];
  /** The signed length, in bytes. */
  readonly limitBytes: number;
  readonly signal: AbortSignal;
}

/** The files of one repository. */
export interface TufSource {
  /** @throws CodedError codes of the transport, TUF-ROOT-UNSURE, and TUF-LIMIT if the file is longer than `limitBytes` */
  metadata(request: MetadataRequest): Promise<MetadataReply>;
  /** The first of `names` that exists. @throws CodedError as for `metadata`, and TUF-MISSING if there is none */
  target(request: TargetRequest): Promise<Uint8Array>;
}
