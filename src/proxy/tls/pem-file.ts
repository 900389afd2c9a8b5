// The type of a PEM file that the configuration names: its content and its source.

/** A PEM text and its source, for failures. */
export interface PemFile {
  /** The configuration key, for example `updates.ca_file`. */
  readonly key: string;
  readonly path: string;
  readonly pem: string;
}
