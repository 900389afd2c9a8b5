// What the link received: a message, or data that this version does not know and ignores.

import type { ReadMessage } from '#platform/messages.ts';

export type Received = Exclude<ReadMessage, { readonly kind: 'invalid' }>;
