import { describe, expect, it } from 'vitest';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { type Hop, originAt, proxyAt } from '#errors/hop.ts';
import { fillTemplate } from '#errors/template.ts';

const HOP = 'proxy corp (proxy.example.com:3128)';

describe('a coded error', () => {
  const refused = coded('TCP-REFUSED', { host: 'proxy.example.com', port: 3128, elapsed: 12, hop: HOP });

  it('coded error: fills sentence and advice of the catalogue with its facts', () => {
    expect(refused.message).toBe(
      '[TCP-REFUSED] proxy.example.com refused port 3128 after 12 ms: the host is up, nothing listens there.',
    );
    expect(refused.safeText).toBe(refused.message.slice('[TCP-REFUSED] '.length));
    expect(refused.check).toBe('Check the port. Common proxy ports are 3128, 8080 and 80.');
    expect(refused.entry.class).toBe('tcp');
  });

  it('coded error: speaks of proxy ports only where a proxy is involved', () => {
    const facts = { host: 'h', port: 443, elapsed: 12 };
    const advice = (hop: Hop) => coded('TCP-REFUSED', { ...facts, hop }).check;
    expect(advice(proxyAt('corp', 'h:443'))).toContain('Common proxy ports');
    expect(advice(originAt('h:443'))).toMatch(/^Check host and port of the URL/);
    const error = coded('TCP-REFUSED', { ...facts, hop: originAt('h:443') });
    expect(fillTemplate('{error:advised}', { error })).toContain(error.check);
  });

  it('coded error: names its hop, or this host if nothing was sent', () => {
    expect(refused.hop).toBe(HOP);
    expect(coded('INTERNAL', { reason: 'x' }).hop).toBe('this host');
    expect(coded('INTERNAL', { reason: 'x', hop: '' }).hop).toBe('this host');
  });

  it('coded error: is retryable only if nothing has to change first', () => {
    expect(refused.retryable).toBe(true);
    expect(
      coded('AUTH-REJECTED', {
        proxy: 'corp',
        user: 'u',
        scheme: 'Basic',
        since: 0,
        history: 'it never worked',
        retry: 'later',
      }).retryable,
    ).toBe(false);
    expect(coded('ID-INVALID', { id: '../x', reason: 'x' }).retryable).toBe(false);
  });

  it('coded error: JSON has code, message, check, hop and facts', () => {
    expect(JSON.parse(JSON.stringify(refused))).toEqual({
      code: 'TCP-REFUSED',
      message: refused.safeText,
      check: refused.check,
      hop: HOP,
      facts: refused.facts,
      journey: null,
    });
  });

  it('coded error: names the phases that succeeded; the first record counts', () => {
    const error = coded('TCP-REFUSED', { host: 'proxy', port: 1, elapsed: 2, hop: HOP });
    const advice = error.check;
    error.during({ phase: 'dial', elapsedMs: 2, proven: ['choice', 'resolve'] });
    error.during({ phase: 'tls', elapsedMs: 9, proven: [] });

    expect(error.check).toBe(`${advice} Already succeeded: name resolution.`);
    expect(error.trace?.phase).toBe('dial');
  });

  it('coded error: quotes foreign text in its facts', () => {
    const error = coded('ORIGIN-STATUS', { url: 'http://x/', status: 500, reason: 'a\r\n[INFO] Stopped.' });

    expect(error.message).toBe('[ORIGIN-STATUS] http://x/ answered 500 "a\\u{d}\\n\\u{5b}INFO\\u{5d} Stopped.".');
  });
});

describe('whatever was thrown', () => {
  it('asCoded: keeps a coded error', () => {
    const error = coded('INTERNAL', { reason: 'x' });

    expect(asCoded(error)).toBe(error);
  });

  it('asCoded: makes any other error INTERNAL and keeps it as the cause', () => {
    const cause = new TypeError('x is not a function');
    const error = asCoded(cause);

    expect(error).toBeInstanceOf(CodedError);
    expect(error.message).toBe('[INTERNAL] Internal error: "TypeError: x is not a function".');
    expect(error.cause).toBe(cause);
  });

  it('asCoded: accepts failed file calls, and values that are not errors', () => {
    for (const [errno, code, syscall] of [
      ['EROFS', 'FILE-FAILED', 'mkdir'],
      ['EACCES', 'FILE-FAILED', 'open'],
      ['ENOSPC', 'DISK-FULL', 'open'],
    ] as const) {
      const thrown = Object.assign(new Error(`${errno}: x, ${syscall} '/y'`), { code: errno, syscall, path: '/y' });
      expect(asCoded(thrown)).toMatchObject({ code, facts: { path: '/y', errno } });
    }
    // No file: a connection, a program.
    for (const syscall of ['connect', 'spawn x'])
      expect(asCoded(Object.assign(new Error('x'), { code: 'EACCES', syscall, path: '/y' })).code).toBe('INTERNAL');
    expect(asCoded('gone').message).toBe('[INTERNAL] Internal error: gone.');
    expect(asCoded(undefined).code).toBe('INTERNAL');
    expect(asCoded(Object.create(null)).code).toBe('INTERNAL');
  });
});
