// What came from the platform: a message, or one that this version ignores.

import type { ReadMessage } from '#platform/messages.ts';

export type Received = Exclude<ReadMessage, { readonly kind: 'invalid' }>;
