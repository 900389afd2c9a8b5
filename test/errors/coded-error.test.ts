import { describe, expect, it } from 'vitest';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';

const HOP = 'proxy corp (proxy.example.com:3128)';

describe('a coded error', () => {
  const refused = coded('TCP-REFUSED', { host: 'proxy.example.com', port: 3128, elapsed: 12, hop: HOP });

  it('has its sentence and its advice from the catalogue, filled with its facts', () => {
    expect(refused.message).toBe(
      '[TCP-REFUSED] proxy.example.com refused port 3128 after 12 ms: the host is up, nothing listens there.',
    );
    expect(refused.safeText).toBe(refused.message.slice('[TCP-REFUSED] '.length));
    expect(refused.check).toBe('Check the port. Common proxy ports are 3128, 8080 and 80.');
    expect(refused.entry.class).toBe('tcp');
  });

  it('names its hop, or this host when it never left it', () => {
    expect(refused.hop).toBe(HOP);
    expect(coded('INTERNAL', { reason: 'x' }).hop).toBe('this host');
    expect(coded('INTERNAL', { reason: 'x', hop: '' }).hop).toBe('this host');
  });

  it('may be tried again only when nothing has to change first', () => {
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

  it('goes into JSON with code, message, check, hop and facts', () => {
    expect(JSON.parse(JSON.stringify(refused))).toEqual({
      code: 'TCP-REFUSED',
      message: refused.safeText,
      check: refused.check,
      hop: HOP,
      facts: refused.facts,
      journey: null,
    });
  });

  it('says what was proven fine before, once somebody recorded it; the first record stands', () => {
    const error = coded('TCP-REFUSED', { host: 'proxy', port: 1, elapsed: 2, hop: HOP });
    const advice = error.check;
    error.during({ phase: 'dial', elapsedMs: 2, proven: ['choice', 'resolve'] });
    error.during({ phase: 'tls', elapsedMs: 9, proven: [] });

    expect(error.check).toBe(`${advice} Already succeeded: name resolution.`);
    expect(error.trace?.phase).toBe('dial');
  });

  it('quotes what is foreign in its facts', () => {
    const error = coded('ORIGIN-STATUS', { url: 'http://x/', status: 500, reason: 'a\r\n[INFO] Stopped.' });

    expect(error.message).toBe('[ORIGIN-STATUS] http://x/ answered 500 "a\\u{d}\\n\\u{5b}INFO\\u{5d} Stopped.".');
  });
});

describe('whatever was thrown', () => {
  it('stays as it is when it is coded', () => {
    const error = coded('INTERNAL', { reason: 'x' });

    expect(asCoded(error)).toBe(error);
  });

  it('is a fault of ours otherwise, and keeps its cause', () => {
    const cause = new TypeError('x is not a function');
    const error = asCoded(cause);

    expect(error).toBeInstanceOf(CodedError);
    expect(error.message).toBe('[INTERNAL] Internal error: "TypeError: x is not a function".');
    expect(error.cause).toBe(cause);
  });

  it('need not be an error', () => {
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
