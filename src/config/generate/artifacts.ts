// The files that are made from the schema, with their place in the repository. Pure: the same schema, the same bytes.

import { makeExample } from './example.ts';
import { makeJsonSchema } from './json-schema.ts';
import { makeReference } from './reference.ts';

/** A file of the repository that nobody edits. */
export interface Artifact {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every generated file. */
export function makeArtifacts(): Artifact[] {
  return [
    { path: 'config/sallyport.example.yaml', text: makeExample() },
    { path: 'config/sallyport.schema.json', text: makeJsonSchema() },
    { path: 'docs/configuration.md', text: makeReference() },
  ];
}
