// Codes of `src/platform`: commands of the platform, and the link to it.

import type { Entry } from './entry.ts';

export const PLATFORM_CODES = {
  // The link itself (`platform/link`)
  'LINK-LOST': {
    text: 'The link to {host} was cut after {elapsed:ms}, and no reason was given.',
    check:
      'The proxy, a firewall or the server ended the connection. If it always lasts equally long, ask the proxy team how long tunnels may be open or idle, and set platform.ping_seconds below the idle limit.',
    class: 'ws',
    retry: 'later',
  },
  'LINK-CLOSED': {
    text: 'The server {host} closed the link after {elapsed:ms} ({why}).',
    check: 'If this repeats, ask the vendor why the platform closes the link.',
    class: 'ws',
    retry: 'later',
  },
  'LINK-SILENT': {
    text: 'The link to {host} is open, but {host} has not answered for {elapsed:ms}.',
    check:
      'A proxy or firewall on the network path may have dropped the connection silently. Ask the proxy team how long a tunnel may be idle, and set platform.ping_seconds below that limit.',
    class: 'timeout',
    retry: 'later',
  },
  'LINK-PROTOCOL': {
    text: 'The server {host} does not follow the protocol of the link: {reason}.',
    check:
      'Check platform.url: it may lead to another service. The server may also need a newer version of Sallyport: ask the vendor.',
    class: 'content',
    retry: 'change',
  },
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
    text: 'Request {request} from the platform for support logs was denied by {by:words}.',
    check: 'Nothing was collected. What happens to such requests depends on support_logs.on_platform_request.',
    class: 'policy',
    retry: 'never',
  },
} as const satisfies Record<string, Entry>;
