// Events of uploads: support logs and exposure analytics. Those without a thread have the thread of their purpose.

import type { Definition } from './event-definition.ts';

export const UPLOADS_EVENTS = {
  // Documents on disk
  'batch-quarantined': {
    level: 'error',
    thread: null,
    text: 'Set aside documents that could not be read: {error:advised}',
    folds: true,
  },
} as const satisfies Record<string, Definition>;
