// The JSON schema of the output of `diagnose --json`, as a file of the repository. Pure: the same schema gives the
// same bytes.

import { z } from 'zod';
import { diagnosisSchema } from './report.ts';

/** The file, with its path relative to the root of the repository. */
export function diagnosisArtifact(): { readonly path: string; readonly text: string } {
  const schema = z.toJSONSchema(diagnosisSchema, { target: 'draft-2020-12' });
  return { path: 'docs/diagnosis.schema.json', text: `${JSON.stringify(schema, null, 2)}\n` };
}
