// The settings that the program uses: those of the file, with secrets resolved, defaults filled in and paths made
// absolute. The types are derived from the schema, so that each key is defined once (principle 5).

import type { Secret } from '#redaction/secret.ts';
import type { SecretSource } from './schema/leaves.ts';
import type { FileSettings } from './schema/settings.ts';

/** The settings with the source of each secret replaced by the secret itself. */
type Resolved<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Element)[]
    ? Resolved<Element>[]
    : { [K in keyof T]: ResolvedField<Exclude<T[K], undefined>> };

type ResolvedField<T> = [SecretSource] extends [T] ? Secret : Resolved<T>;

type Section<K extends keyof FileSettings> = Resolved<FileSettings[K]>;

/** All settings. */
export interface Settings extends Omit<Resolved<FileSettings>, 'updates' | 'logging' | 'daemon'> {
  updates: Section<'updates'> & { packages_dir: string };
  logging: Section<'logging'> & { dir: string };
  daemon: Required<Section<'daemon'>>;
}
