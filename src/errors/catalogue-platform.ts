// Codes of `src/platform`: commands of the platform, and the link to it.

import type { Entry } from './entry.ts';

export const PLATFORM_CODES = {
  // Commands of the platform (`platform/inbox`)
  'PLATFORM-COMMAND': {
    text: 'The platform sent a command that this version cannot carry out: {command}.',
    check: 'Nothing was done. Ask the vendor which version of Sallyport knows this command.',
    class: 'content',
    retry: 'never',
  },
  'PLATFORM-RATE': {
    text: 'The platform sent more than {limit} {command} commands within an hour.',
    check: 'The command was refused and nothing was done. Ask the vendor why its platform sends them.',
    class: 'policy',
    retry: 'never',
  },
  'PLATFORM-DENIED': {
    text: 'Request {request} from the platform for support logs was denied: {by:words}.',
    check: 'Nothing was collected. What happens to such requests depends on support_logs.on_platform_request.',
    class: 'policy',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
