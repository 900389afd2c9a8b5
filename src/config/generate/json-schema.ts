// config/sallyport.schema.json: for editors that complete and check YAML.

import { z } from 'zod';
import { settingsSchema } from '#config/schema/settings.ts';

/** The file's text. It says what may be written; rules between keys are known to Sallyport alone. */
export function makeJsonSchema(): string {
  const schema = z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-2020-12' });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
