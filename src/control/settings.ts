// The active settings in the form in which they are sent: every key with its value, the source of the value, and who
// may set it.

import { z } from 'zod';

export const settingsListSchema = z.object({
  file: z.string(),
  /** When they were read from the file, RFC 3339. */
  since: z.string(),
  keys: z.array(
    z.object({
      /** For example `proxies[0].port`. */
      key: z.string(),
      /** `***` for a secret; null when the key is not set and has no default. */
      value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable(),
      source: z.enum(['default', 'file']),
      /** Line of the key in the file; null when the file does not set it. */
      line: z.number().nullable(),
      set_by: z.enum(['operator', 'admin', 'root']),
    }),
  ),
});
export type SettingsList = z.infer<typeof settingsListSchema>;
