// The settings that the program works with: those of the file, with secrets resolved, every default filled in and every
// path made absolute. The types come from the schema; nothing is written down twice (principle 5).

import type { Secret } from '#redaction/secret.ts';
import type { SecretSource } from './schema/leaves.ts';
import type { FileSettings } from './schema/settings.ts';

/** A place for every secret: its source is replaced by the secret itself. */
type Resolved<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Element)[]
    ? Resolved<Element>[]
    : { [K in keyof T]: ResolvedField<Exclude<T[K], undefined>> };

type ResolvedField<T> = [SecretSource] extends [T] ? Secret : Resolved<T>;

type Section<K extends keyof FileSettings> = Resolved<FileSettings[K]>;

/** Everything that is set. */
export interface Settings extends Omit<Resolved<FileSettings>, 'updates' | 'logging' | 'daemon'> {
  updates: Section<'updates'> & { packages_dir: string };
  logging: Section<'logging'> & { dir: string };
  daemon: Required<Section<'daemon'>>;
}
