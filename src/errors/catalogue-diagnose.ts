// Codes of `src/diagnose` and of what only a diagnosis can tell: it sees more than one failure at once.

import type { Entry } from './entry.ts';

export const DIAGNOSE_CODES = {
  'HOST-IS-GATEWAY': {
    text: '{address} is the default gateway of this host and does not speak HTTP proxy ({found}).',
    check: 'Did you keep the default? Set the address of proxy {proxy} to that of the real proxy.',
    class: 'config',
    retry: 'change',
  },
  'SHELL-DIFFERS': {
    text: '{purpose} has no proxy: the environment of this service has no {missing:words}, your shell has ({found}).',
    check:
      'Set a proxy in the configuration file: sallyport proxy add. What a shell has counts for no service; a profile with scheme: environment reads the variables that the service has (systemctl edit).',
    class: 'config',
    retry: 'change',
  },
  'DIAGNOSIS-LATE': {
    text: 'The diagnosis of {purpose} did not end in {limit:ms} and was stopped.',
    check: 'The last stage shown took too long: something between here and the server passes data on very slowly.',
    class: 'timeout',
    retry: 'later',
  },
  'WS-BLOCKED': {
    text: 'HTTPS to {host} works, but the WebSocket upgrade of {url} got no 101 ({answer}).',
    check:
      'Something terminates the tunnel or filters WebSocket: ask the proxy team to let it through for {target}. A server that has no WebSocket there answers like this, too.',
    class: 'ws',
    retry: 'change',
  },
  'RANGE-STRIPPED': {
    text: 'Asked for a part of {url}, got all of it ({status}): a download that is cut starts over.',
    check: 'Ask the proxy team whether it takes Range out of requests for {target}. Everything else works.',
    class: 'content',
    retry: 'change',
  },
  'CLOCK-SKEW': {
    text: 'The clock of this host is {by:ms} {direction:words} that of {host}.',
    check: 'Set the clock of this host (timedatectl); certificates and feeds have times.',
    class: 'system',
    retry: 'change',
  },
} as const satisfies Record<string, Entry>;
