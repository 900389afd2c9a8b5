// Events of the network: connections, proxies and PAC files. Each has the thread of the purpose that it belongs to.

import type { Definition } from './event-definition.ts';

export const NETWORK_EVENTS = {
  connected: {
    level: 'info',
    thread: null,
    text: 'Connected to {host}:{port} through proxy {proxy} ({how}){update_id:for}.',
  },
  'failed-over': {
    level: 'warn',
    thread: null,
    text: 'Proxy {proxy} failed and will not be used for {rest:ms}; trying {next:hop}. {error:advised}',
  },
  'tls-intercepted': {
    level: 'warn',
    thread: null,
    text: 'Connected to {target} through a proxy that decrypts TLS with the CA {by} and can read all data, as allow_interception_by permits. Tokens and secret headers are {secrets:words}.',
  },
  'interception-ca-expires': {
    level: 'warn',
    thread: 'Config',
    text: 'The CA {authority} in {key:key} expires at {at:time}. Add its successor to the file before then.',
  },
  'proxy-tls-weak': { level: 'warn', thread: null, text: '{error:advised}' },
  'proxies-unnamed': {
    level: 'warn',
    thread: null,
    text: 'No proxy could be determined for profile {proxy}; skipping this profile. {error:advised}',
    folds: true,
  },
  'connected-direct': { level: 'info', thread: null, text: 'Connected to {host}:{port} (direct){update_id:for}.' },
  'pac-answered': { level: 'info', thread: null, text: 'The PAC file {where} returned {ways} for {url}.' },
  'pac-kept': {
    level: 'warn',
    thread: null,
    text: 'The PAC file {where} is not usable; the last good version remains in use: {error:advised}',
    folds: true,
  },
  'pac-left-out': {
    level: 'warn',
    thread: null,
    text: 'The PAC file {where} returned entries that are not supported: {parts}.',
    folds: true,
  },
  'pac-names-withheld': {
    level: 'info',
    thread: null,
    text: 'The PAC file {where} asked for the addresses of host names ({names}). No name was resolved, because proxy_required is true.',
  },
  'response-via': { level: 'info', thread: null, text: 'Response via {via:via}.' },
  redirected: { level: 'info', thread: null, text: 'Redirected to {url}.' },
} as const satisfies Record<string, Definition>;
