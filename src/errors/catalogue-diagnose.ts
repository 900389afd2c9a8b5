// Codes of causes that only a diagnosis can find, because it combines several observations. Also the code of
// `src/estimate`, which reads an old log for the response timeout.

import type { Entry } from './entry.ts';

export const DIAGNOSE_CODES = {
  'HOST-IS-GATEWAY': {
    text: '{address} is the default gateway of this host and is not an HTTP proxy ({found}).',
    check:
      'This address may be left over from a default configuration. Set the address of proxy {proxy} to the address of the real proxy.',
    class: 'config',
    retry: 'change',
  },
  'SHELL-DIFFERS': {
    text: '{purpose} has no proxy. Your shell sets {missing:words}, but the environment of the service does not. The direct connection failed ({found}).',
    check:
      'The service does not see the variables of your shell. Add a proxy to the configuration: sallyport proxy add. To use variables instead, add a proxy with scheme: environment, and set the variables for the service with systemctl edit.',
    class: 'config',
    retry: 'change',
  },
  'DIAGNOSIS-LATE': {
    text: 'The diagnosis of {purpose} did not finish within {limit:ms} and was stopped.',
    check:
      'The last stage shown took too long. A device between this host and the server may forward data very slowly.',
    class: 'timeout',
    retry: 'later',
  },
  'WS-BLOCKED': {
    text: 'HTTPS to {host} works, but the WebSocket upgrade of {url} was answered with {answer} instead of 101.',
    check:
      'A device on the network path may block WebSocket: ask the proxy team to allow it for {target}. A server that has no WebSocket at this URL gives the same answer.',
    class: 'ws',
    retry: 'change',
  },
  'RANGE-STRIPPED': {
    text: 'A part of {url} was requested, but the whole file arrived ({status}). An interrupted download would start over.',
    check:
      'Ask the proxy team whether the proxy removes the Range header from requests to {target}. Everything else works.',
    class: 'content',
    retry: 'change',
  },
  'CLOCK-SKEW': {
    text: 'The clock of this host is {by:ms} {direction:words} that of {host}.',
    check: 'Set the clock of this host (timedatectl): certificates and feeds expire at fixed times.',
    class: 'system',
    retry: 'change',
  },
  // Reading an old log (`src/estimate`)
  'ESTIMATE-NOTHING': {
    text: 'Found no complete download in {lines} line{lines:s} of {files} file{files:s}: no download has both a start line and a later acknowledgement line.',
    check:
      'Use a log that has such lines; --log accepts several files. If there is no such log, set response_timeout.base_ms to 300000, which is generally sufficient.',
    class: 'content',
    retry: 'change',
    isLocal: true,
  },
} as const satisfies Record<string, Entry>;
