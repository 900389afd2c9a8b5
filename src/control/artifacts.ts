// The JSON schemas of the `--json` output of commands, as files of the repository. Pure: the same schema gives the
// same bytes.

import { z } from 'zod';
import { endpointListSchema } from './endpoints.ts';
import { queueSchema } from './queue.ts';
import { statusSchema } from './status.ts';

const PRINTED = { endpoints: endpointListSchema, queue: queueSchema, status: statusSchema } as const;

/** Each file, with its path relative to the root of the repository. */
export function controlArtifacts(): readonly { readonly path: string; readonly text: string }[] {
  return Object.entries(PRINTED).map(([name, schema]) => ({
    path: `docs/${name}.schema.json`,
    text: `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2)}\n`,
  }));
}
