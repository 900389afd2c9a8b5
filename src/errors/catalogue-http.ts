// Codes of `src/http` and `src/transfer`: requests, redirects, URLs, and downloads that survive a restart.

import type { Entry } from './entry.ts';

export const HTTP_CODES = {
  'TOKEN-REBIND': {
    text: '{key} was entered for {bound}, not for {origin}, so it is not sent there.',
    check:
      'If the new URL is correct, run sallyport check --retry-credential as root. This allows the stored value for the new URL. Or set the value again.',
    class: 'auth',
    retry: 'change',
  },
  'RESPONSE-TIMEOUT': {
    text: 'Received {received:size} of {expected:size} in {elapsed:ms}, then no byte for {limit:ms} ({key}); {seen:words}.',
    check: 'Possible cause: {holder:words}. To wait longer: {advice:words}.',
    class: 'timeout',
    retry: 'later',
  },
  'REQUEST-TIMEOUT': {
    text: 'Sending to {url} stopped after {sent:size} and {elapsed:ms}: the other side accepted no data for {limit:ms} ({key}).',
    check:
      'The proxy or the server has stopped reading the request. Check the logs of both. To wait longer, raise {key}.',
    class: 'timeout',
    retry: 'later',
  },
  'REQUEST-TRICKLES': {
    text: 'Sending to {url} was too slow: {sent:size} of {length:size} after {elapsed:ms}.',
    check:
      'The proxy or the server accepts data too slowly. Check its load and its limits for uploads. The upload is tried again with smaller requests.',
    class: 'timeout',
    retry: 'later',
  },
  'RESPONSE-TRICKLES': {
    text: 'Received only {received:size} of {expected:size} in {elapsed:ms}. That is too slow to wait for: {seen:words}.',
    check:
      'The proxy or the server sends too slowly; {next:words}. The time limit for such a transfer is ' +
      'response_timeout.total_max_ms.',
    class: 'timeout',
    retry: 'change',
  },
  'DOCUMENT-TIMEOUT': {
    text: 'The response from {url} was not complete after {limit:ms}.',
    check: 'The server or the proxy sends too slowly. If this happens again, check their logs.',
    class: 'timeout',
    retry: 'later',
  },
  'CONNECTION-LOST': {
    text: 'The connection broke after {received:size} of {expected:size}: {reason:words}.',
    check: 'The proxy or the server cut the connection; {next:words}.',
    class: 'tcp',
    retry: 'later',
  },
  'BAD-RESPONSE': {
    text: 'The response from {url} is not valid HTTP/1.1: {reason:words}.',
    check:
      'The server or a proxy in between sent a response that cannot be parsed safely. Report it to the administrator of that server or proxy.',
    class: 'http',
    retry: 'later',
  },
  'ORIGIN-STATUS': {
    text: '{url} answered {status} {reason}.',
    check: 'Check the URL. Then ask the vendor, or the proxy team if the proxy sent this answer.',
    class: 'http',
    retry: 'later',
  },
  'ORIGIN-REFUSED': {
    text: '{url} answered {status} {reason}.',
    check:
      'Check the URL, and the token or certificate for it. Then ask the vendor, or the proxy team if the proxy blocks it.',
    class: 'http',
    retry: 'change',
  },
  'CONTENT-BLOCKED': {
    text: 'A scanner {where:words} blocked {url} ({status}): {finding}.',
    check:
      'Ask the team that runs the scanner to examine and exempt this {what:words}. Give them {give:words}. The {what:words} is {again:words}.',
    class: 'content',
    retry: 'change',
  },
  'ORIGIN-407': {
    text: 'The server at {url}, or a proxy behind yours, answered 407. No credentials were sent to it.',
    check:
      'Only a proxy may send 407: the server is misconfigured or hostile, or your proxy forwards to an upstream proxy that requires credentials.',
    class: 'http',
    retry: 'change',
  },
  'REDIRECT-LOOP': {
    text: 'There were more than {limit} redirects. The last one led to {url}.',
    check: 'Ask the vendor. A captive portal can also cause this.',
    class: 'http',
    retry: 'change',
  },
  'REDIRECT-INVALID': {
    text: '{url} answered {status}, but its Location header cannot be used: {location}.',
    check: 'Ask the vendor. A captive portal can also cause this.',
    class: 'http',
    retry: 'change',
  },
  'URL-INVALID': {
    text: '{url} is not a usable URL: {reason:words}.',
    check: 'Sallyport uses only http and https URLs that have no user, password or fragment.',
    class: 'http',
    retry: 'never',
    isLocal: true,
  },
  'URL-FOREIGN': {
    text: '{url} was not followed: its origin is neither the configured one nor listed in updates.allowed_origins.',
    check: 'If the vendor really serves packages from there, add {origin} to updates.allowed_origins.',
    class: 'policy',
    retry: 'change',
  },
  'URL-INTERNAL': {
    text: '{url} was not followed: its address ({host}) is not public, so it belongs to this host or to a private network.',
    check: 'A server on the internet must not direct requests into your network. Ask the vendor.',
    class: 'policy',
    retry: 'change',
  },
  'URL-DOWNGRADE': {
    text: '{url} was not followed: it uses http, but the redirect or document that contains it came over https.',
    check: 'Ask the vendor to use an https URL.',
    class: 'policy',
    retry: 'change',
  },
  'CONTENT-ENCODED': {
    text: '{url} sent Content-Encoding {encoding}, which was not requested. The response was not decoded.',
    check: 'The server and the proxy must send packages unmodified.',
    class: 'content',
    retry: 'later',
  },
  'DOCUMENT-TOO-LARGE': {
    text: 'The response from {url} is larger than {limit:size}.',
    check: 'Check the URL: it may point to a package or to a web page.',
    class: 'content',
    retry: 'change',
  },
  'TOO-MANY-INTERIM': {
    text: '{url} sent more than {limit} interim (1xx) responses.',
    check: 'The server or the proxy is faulty. Report it to its administrator.',
    class: 'http',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
