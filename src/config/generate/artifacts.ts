// Lists the files of the repository that are generated from the schema. Pure: the same schema gives the same bytes.

import { makeExample } from './example.ts';
import { makeJsonSchema } from './json-schema.ts';
import { makeManPage } from './man-page.ts';
import { makeReference } from './reference.ts';

/** A generated file of the repository. */
export interface Artifact {
  /** Path from the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every generated file. */
export function makeArtifacts(): Artifact[] {
  return [
    { path: 'config/sallyport.example.yaml', text: makeExample() },
    { path: 'config/sallyport.schema.json', text: makeJsonSchema() },
    { path: 'docs/configuration.md', text: makeReference() },
    { path: 'docs/man/sallyport.yaml.5', text: makeManPage() },
  ];
}
