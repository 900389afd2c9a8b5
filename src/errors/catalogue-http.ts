// Codes of `src/http` and `src/transfer`: the exchange itself, redirects and URLs, and the durable fetch.

import type { Entry } from './entry.ts';

export const HTTP_CODES = {
  'TOKEN-REBIND': {
    text: '{key} was entered for {bound}, not for {origin}; it is not sent there.',
    check:
      'If the new URL is correct, enter the value again (set a new value or rewrite its file), or run check --retry-credential as root.',
    class: 'auth',
    retry: 'change',
  },
  'RESPONSE-TIMEOUT': {
    text: '{received:size} of {expected:size} after {elapsed:ms}: no byte for {limit:ms} ({key}); {seen:words}.',
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
  'RESPONSE-TRICKLES': {
    text: '{received:size} of {expected:size} after {elapsed:ms}: too slow to be waited for; {seen:words}.',
    check:
      'The proxy or the server sends too slowly; {next:words}. The time limit for such a transfer is ' +
      'response_timeout.total_max_ms.',
    class: 'timeout',
    retry: 'change',
  },
  'DOCUMENT-TIMEOUT': {
    text: 'The answer of {url} was not complete in {limit:ms}.',
    check: 'The server or the proxy trickles; try again later, then look into their logs.',
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
    text: '{url} did not answer in HTTP/1.1: {reason:words}.',
    check:
      'The server or a proxy in between sends a response that cannot be read safely. Report it to the administrator there.',
    class: 'http',
    retry: 'later',
  },
  'ORIGIN-STATUS': {
    text: '{url} answered {status} {reason}.',
    check: 'Check the URL; then ask the vendor, or the proxy team when the page is one of theirs.',
    class: 'http',
    retry: 'later',
  },
  'ORIGIN-REFUSED': {
    text: '{url} answered {status} {reason}.',
    check: 'Check the URL and the token or certificate for it; then ask the vendor, or the proxy team when it blocks.',
    class: 'http',
    retry: 'change',
  },
  'CONTENT-BLOCKED': {
    text: 'A scanner {where:words} blocked {url} ({status}): {finding}.',
    check:
      'Ask the team that runs the scanner to examine and exempt this download. Give them the URL, the finding and the digest of the update. It is retried once a day, and when the feed lists another digest.',
    class: 'content',
    retry: 'change',
  },
  'ORIGIN-407': {
    text: 'The server {url} itself, or a proxy behind yours, answered 407; it was sent no credential.',
    check:
      'The server is broken or hostile, since only a proxy may ask so; or your proxy hands on to another one that wants to know it.',
    class: 'http',
    retry: 'change',
  },
  'REDIRECT-LOOP': {
    text: 'More than {limit} redirects, the last one to {url}.',
    check: 'Ask the vendor; a captive portal can do this, too.',
    class: 'http',
    retry: 'change',
  },
  'REDIRECT-INVALID': {
    text: '{url} answered {status} with an unusable Location {location}.',
    check: 'Ask the vendor; a captive portal can do this, too.',
    class: 'http',
    retry: 'change',
  },
  'URL-INVALID': {
    text: '{url} is not a usable URL: {reason:words}.',
    check: 'Only http and https URLs without user, password and fragment are followed.',
    class: 'http',
    retry: 'never',
    isLocal: true,
  },
  'URL-FOREIGN': {
    text: '{url} is neither at the configured origin nor in updates.allowed_origins; not followed.',
    check: 'When the vendor really serves packages from there, add {origin} to updates.allowed_origins.',
    class: 'policy',
    retry: 'change',
  },
  'URL-INTERNAL': {
    text: '{url} points at an address of this machine or its network ({host}); not followed.',
    check: 'A server on the outside must not send us there. Ask the vendor.',
    class: 'policy',
    retry: 'change',
  },
  'URL-DOWNGRADE': {
    text: '{url} would go from https to http; not followed.',
    check: 'Ask the vendor to redirect to https.',
    class: 'policy',
    retry: 'change',
  },
  'CONTENT-ENCODED': {
    text: '{url} came with Content-Encoding {encoding}, which was not asked for; nothing was decoded.',
    check: 'The server or the proxy must send packages as they are.',
    class: 'content',
    retry: 'later',
  },
  'DOCUMENT-TOO-LARGE': {
    text: 'The answer of {url} is larger than {limit:size}.',
    check: 'Is the URL right? A package or a page is not what belongs there.',
    class: 'content',
    retry: 'change',
  },
  'TOO-MANY-INTERIM': {
    text: '{url} sent more than {limit} interim (1xx) responses.',
    check: 'The server or the proxy is broken.',
    class: 'http',
    retry: 'later',
  },
} as const satisfies Record<string, Entry>;
