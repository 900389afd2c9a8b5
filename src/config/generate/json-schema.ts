// Generates the JSON schema of the configuration, for editors that complete and check YAML, and for `config schema`.

import { z } from 'zod';
import { settingsSchema } from '#config/schema/settings.ts';

/** The JSON schema. It describes each key. Only Sallyport itself checks the rules between keys. */
export function jsonSchema(): object {
  return z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-2020-12', override: allowEmptySection });
}

/** A section whose keys are all commented out is null in YAML, which is allowed. */
function allowEmptySection({
  zodSchema,
  jsonSchema: schema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: object;
}): void {
  if (zodSchema instanceof z.ZodPrefault && 'type' in schema) schema.type = ['object', 'null'];
}

/** The text of config/sallyport.schema.json. */
export function makeJsonSchema(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
