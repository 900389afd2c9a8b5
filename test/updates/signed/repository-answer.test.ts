// What a response says about a missing file, for every kind of hop: only the repository itself can end the root rotation.

import { describe, expect, it } from 'vitest';
import type { ConnectMode } from '#proxy/route.ts';
import { classifyReply, type RepositoryAnswer } from '#updates/signed/repository-answer.ts';

const TLS = new URL('https://updates.example.com/metadata/2.root.json');
const CLEAR = new URL('http://updates.example.com/metadata/2.root.json');
const DENIED = '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
const NO_KEY = '<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>';
const NGINX = '<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1><hr>nginx</body></html>';
const BLOCKED = '<html><head><title>Web access blocked by policy 17</title></head><body>Call 4711</body></html>';
const SQUID = ['X-Squid-Error', 'ERR_ACCESS_DENIED 0'];
const STATUS = ['Proxy-Status', 'proxy.example.net; error=http_request_denied'];
const PASSED_ON = ['Proxy-Status', 'proxy.example.net; received-status=404; error=x'];
const VIA = ['Via', '1.1 proxy.example.net (squid/5.7)'];

interface Row {
  readonly url: URL;
  readonly how: ConnectMode;
  readonly status: number;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly isSecond?: boolean;
  readonly isInspected?: boolean;
}

const TABLE: readonly (readonly [string, Row, RepositoryAnswer])[] = [
  ['200 in a tunnel', { url: TLS, how: 'tunnel', status: 200 }, 'found'],
  ['404 inside TLS, in a tunnel', { url: TLS, how: 'tunnel', status: 404 }, 'missing'],
  ['403 inside TLS, in a tunnel', { url: TLS, how: 'tunnel', status: 403 }, 'missing'],
  ['403 inside TLS, direct', { url: TLS, how: 'direct', status: 403, body: BLOCKED }, 'missing'],
  ['404 inside TLS that a proxy opens', { url: TLS, how: 'tunnel', status: 404, isInspected: true }, 'missing'],
  ['403 inside TLS that a proxy opens', { url: TLS, how: 'tunnel', status: 403, isInspected: true }, 'unsure'],
  ['404 directly over http', { url: CLEAR, how: 'direct', status: 404, body: NGINX }, 'missing'],
  ['403 directly over http', { url: CLEAR, how: 'direct', status: 403 }, 'missing'],
  ['404 in absolute form', { url: CLEAR, how: 'forward', status: 404 }, 'ask-again'],
  ['404 in absolute form, twice', { url: CLEAR, how: 'forward', status: 404, isSecond: true }, 'missing'],
  ['404 with Via alone', { url: CLEAR, how: 'forward', status: 404, headers: VIA }, 'ask-again'],
  ['404 with Via alone, twice', { url: CLEAR, how: 'forward', status: 404, headers: VIA, isSecond: true }, 'missing'],
  ['404 with X-Squid-Error', { url: CLEAR, how: 'forward', status: 404, headers: SQUID, isSecond: true }, 'failed'],
  ['404 with X-Squid-Error, no proxy configured', { url: CLEAR, how: 'direct', status: 404, headers: SQUID }, 'unsure'],
  [
    '403 with X-Squid-Error inside TLS that a proxy opens',
    { url: TLS, how: 'tunnel', status: 403, headers: SQUID, isInspected: true },
    'unsure',
  ],
  ['404 with an error in Proxy-Status', { url: CLEAR, how: 'forward', status: 404, headers: STATUS }, 'failed'],
  ['404 that Proxy-Status passes on', { url: CLEAR, how: 'forward', status: 404, headers: PASSED_ON }, 'ask-again'],
  ['404 with the page of a web server', { url: CLEAR, how: 'forward', status: 404, body: NGINX }, 'ask-again'],
  ['404 with a page written for this case', { url: CLEAR, how: 'forward', status: 404, body: BLOCKED }, 'unsure'],
  ['404 with NoSuchKey', { url: CLEAR, how: 'forward', status: 404, body: NO_KEY }, 'ask-again'],
  ['404 in a tunnel over http', { url: CLEAR, how: 'tunnel', status: 404 }, 'missing'],
  ['403 in absolute form', { url: CLEAR, how: 'forward', status: 403 }, 'unsure'],
  ['403 in absolute form, twice', { url: CLEAR, how: 'forward', status: 403, isSecond: true }, 'unsure'],
  ['403 with X-Squid-Error', { url: CLEAR, how: 'forward', status: 403, headers: SQUID }, 'failed'],
  ['403 with AccessDenied', { url: CLEAR, how: 'forward', status: 403, body: DENIED }, 'ask-again'],
  [
    '403 with AccessDenied, twice',
    { url: CLEAR, how: 'forward', status: 403, body: DENIED, isSecond: true },
    'missing',
  ],
  [
    '403 with AccessDenied and X-Squid-Error',
    { url: CLEAR, how: 'forward', status: 403, body: DENIED, headers: SQUID },
    'failed',
  ],
  ['407', { url: TLS, how: 'tunnel', status: 407 }, 'failed'],
  ['503', { url: TLS, how: 'direct', status: 503 }, 'failed'],
  ['401', { url: TLS, how: 'direct', status: 401 }, 'failed'],
  ['410', { url: TLS, how: 'direct', status: 410 }, 'failed'],
  ['204', { url: TLS, how: 'direct', status: 204 }, 'failed'],
];

describe('the answer about a file of a repository', () => {
  it.each(TABLE)(
    '%s',
    (_name, { url, how, status, headers = [], body = '', isSecond = false, isInspected }, answer) => {
      const over = { url, how, isSecond, ...(isInspected === undefined ? {} : { isInspected }) };
      expect(classifyReply({ status, reason: '', rawHeaders: headers }, Buffer.from(body), over)).toBe(answer);
    },
  );
});
