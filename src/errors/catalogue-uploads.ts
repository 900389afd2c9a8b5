// Codes of `src/uploads`: the policy, support logs, and documents of exposure analytics.

import type { Entry } from './entry.ts';

export const UPLOAD_CODES = {
  'POLICY-UPLOADS': {
    text: 'Uploads are forbidden on this host: uploads_allowed is false. Nothing was collected or sent.',
    check: 'Only root can allow uploads: set uploads_allowed to true in the configuration file.',
    class: 'policy',
    retry: 'change',
  },
  'UPLOADS-OFF': {
    text: 'Cannot send {title:words}: {key:key} is not set to {wanted:words}.',
    check: 'Nothing leaves this host before an admin enables it. Set the key, then repeat the command.',
    class: 'policy',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
