// Key `uploads_allowed`: the policy that forbids every upload.

import { z } from 'zod';
import { describeKey } from './key.ts';

export const uploadsAllowed = describeKey(z.boolean().default(true), {
  title: 'Uploads allowed',
  description:
    'With false, no support logs and no exposure analytics leave this host, whatever other keys say (POLICY-UPLOADS). Receipts of updates are not uploads; updates.acknowledge_url decides about them.',
  effect: 'now',
  setBy: 'root',
});
