import { describe, expect, it } from 'vitest';
import type { ResponseHead } from '#proxy/route.ts';
import { type AskedProxy, credentialVerdict, judgeConnect, judgeForward, needsTitle } from '#proxy/verdict.ts';

const TARGET = 'updates.example.com:443';
const hop = 'proxy corp (10.1.1.5:3128)';
const transparent: AskedProxy = { name: 'corp', hop, authentication: 'transparent', user: null };
const basic: AskedProxy = { name: 'corp', hop, authentication: 'basic', user: 'CORP\\svc' };

function head(status: number, headers: Record<string, string> = {}, reason = 'Reason'): ResponseHead {
  return { status, reason, rawHeaders: Object.entries(headers).flat() };
}

function connect(answer: ResponseHead, asked = transparent, title: string | null = null) {
  return judgeConnect(answer, asked, { target: TARGET, title });
}

const squid = (error: string) => ({ Server: 'squid/5.7', 'X-Squid-Error': `${error} 0` });

describe('the answer to CONNECT', () => {
  it.each([200, 201, 204, 299])('%i opens the tunnel', (status) => {
    expect(connect(head(status))).toBeNull();
  });

  it.each([
    [403, squid('ERR_ACCESS_DENIED'), 'POLICY-DENIED', 'ERR_ACCESS_DENIED'],
    [503, squid('ERR_CONNECT_FAIL'), 'PROXY-UPSTREAM', 'ERR_CONNECT_FAIL'],
    [502, { 'Proxy-Status': 'p.example; error=dns_error' }, 'PROXY-UPSTREAM', 'dns_error'],
    [500, {}, 'PROXY-UPSTREAM', 'Reason'],
    [504, {}, 'PROXY-UPSTREAM', 'Reason'],
    [302, {}, 'PROXY-REFUSED', 'Reason'],
    [404, {}, 'PROXY-REFUSED', 'Reason'],
    [429, {}, 'PROXY-REFUSED', 'Reason'],
    [101, {}, 'PROXY-REFUSED', 'Reason'],
    [400, squid('ERR_INVALID_URL'), 'PROXY-REFUSED', 'ERR_INVALID_URL'],
  ])('%i with %j is %s and says %s', (status, headers, code, said) => {
    const error = connect(head(status, headers));
    expect([error?.code, error?.facts['said'], error?.facts['status'], error?.hop]).toEqual([code, said, status, hop]);
  });

  it('says the title of the page where no header says more', () => {
    expect(connect(head(403), transparent, 'Category: Software Downloads')?.facts['said']).toBe(
      'Category: Software Downloads',
    );
    expect(needsTitle(head(403))).toBe(true);
    expect(needsTitle(head(403, { Server: 'squid' }))).toBe(true);
    expect(needsTitle(head(403, squid('ERR_ACCESS_DENIED')))).toBe(false);
    expect(needsTitle(head(407))).toBe(false);
    expect(needsTitle(head(200))).toBe(false);
  });

  it.each([400, 405, 501])('%i without a mark of a proxy comes from a web server', (status) => {
    const error = connect(head(status, { Server: 'nginx' }, 'Not Allowed'));
    expect([error?.code, error?.facts['answer']]).toEqual(['NOT-A-PROXY', `${status} Not Allowed`]);
  });
});

describe('a 407 of a proxy', () => {
  it('asks for a user where none is configured, with schemes and realm', () => {
    const error = connect(
      {
        status: 407,
        reason: '',
        rawHeaders: ['Proxy-Authenticate', 'NTLM', 'Proxy-Authenticate', 'Basic realm="CORP"'],
      },
      transparent,
    );
    expect(error?.code).toBe('AUTH-REQUIRED');
    expect(error?.facts).toMatchObject({ offered: ['NTLM', 'Basic'], realm: 'CORP', proxy: 'corp' });
  });

  it.each([{ 'Proxy-Authenticate': 'basic realm=x' }, {}])('refuses the credential that was sent: %j', (headers) => {
    const error = connect(head(407, headers), basic);
    expect(error?.code).toBe('AUTH-REJECTED');
    expect(error?.facts).toMatchObject({ user: 'CORP\\svc', scheme: 'Basic' });
  });

  it('that does not offer Basic is a matter of the scheme', () => {
    const error = connect(head(407, { 'Proxy-Authenticate': 'Negotiate' }), basic);
    expect(error?.code).toBe('AUTH-SCHEME');
    expect(error?.facts).toMatchObject({ offered: ['Negotiate'], configured: 'basic' });
  });
});

describe('an answer to an absolute-form request', () => {
  it.each([
    [200, squid('ERR_NONE')],
    [304, {}],
    [403, { Server: 'nginx', Via: '1.1 proxy.example.com (squid/5.7)' }],
    [503, {}],
    [502, { 'Proxy-Status': 'p.example; received-status=502; error=http_response_incomplete' }],
    [404, { 'Proxy-Status': 'p.example' }],
  ])('%i with %j is the origin’s', (status, headers) => {
    expect(judgeForward(head(status, headers), basic, TARGET)).toBeNull();
  });

  it.each([
    [403, squid('ERR_ACCESS_DENIED'), 'POLICY-DENIED'],
    [403, { Server: 'squid/5.7' }, 'POLICY-DENIED'],
    [503, squid('ERR_DNS_FAIL'), 'PROXY-UPSTREAM'],
    [502, { 'proxy-status': 'p.example;error=connection_refused' }, 'PROXY-UPSTREAM'],
    [400, squid('ERR_INVALID_REQ'), 'PROXY-REFUSED'],
    [407, {}, 'AUTH-REJECTED'],
  ])('%i with %j is the proxy’s: %s', (status, headers, code) => {
    expect(judgeForward(head(status, headers), basic, TARGET)?.code).toBe(code);
  });
});

describe('the verdict on a credential', () => {
  it('is good after any answer of the origin, bad after a rejection, and open after anything else', () => {
    expect(credentialVerdict(null)).toBe('accepted');
    expect(credentialVerdict(connect(head(407), basic))).toBe('rejected');
    expect(credentialVerdict(connect(head(403), basic))).toBe('unknown');
    expect(credentialVerdict(connect(head(407, { 'Proxy-Authenticate': 'NTLM' }), basic))).toBe('unknown');
  });
});
