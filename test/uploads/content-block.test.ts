import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import { responseInfo } from '#http/headers.ts';
import type { HopFacts } from '#proxy/route.ts';
import { afterBlock, BLOCKED_WAIT_MS, blockNotice, isHeld, uploadBlocked } from '#uploads/content-block.ts';

const head = (status: number, headers: Record<string, string> = {}) =>
  responseInfo({ status, reason: '', rawHeaders: Object.entries(headers).flat() });
const HTML = { 'content-type': 'text/html' };
const titled = (title: string) => Buffer.from(`<html><head><title>${title}</title></head></html>`);
const FACTS: HopFacts = {
  proxy: 'corp',
  proxyUrl: 'http://proxy.example.com:3128',
  how: 'tunnel',
  host: 'support.example.com',
  port: 443,
  hop: proxyAt('corp', 'proxy.example.com:3128'),
  passed: [],
};

describe('blocked content', () => {
  it('is sent once more after an hour, then held on this route', () => {
    const first = afterBlock(null, 'corp');
    expect(first).toMatchObject({ does: 'again', waitMs: BLOCKED_WAIT_MS });
    expect(isHeld(first.block, 'corp')).toBe(false);
    const second = afterBlock(first.block, 'corp');
    expect(second.does).toBe('hold');
    expect(isHeld(second.block, 'corp')).toBe(true);
  });

  it('is no longer held when the route changes, and may be blocked twice there', () => {
    const held = afterBlock({ route: 'corp', times: 1 }, 'corp').block;
    expect(isHeld(held, 'direct')).toBe(false);
    expect(afterBlock(held, 'direct')).toMatchObject({ does: 'again', block: { route: 'direct', times: 1 } });
  });

  it.each([
    [200, { ...HTML }, titled('Upload stopped'), { isMarked: false, title: 'Upload stopped', named: null }],
    [403, { 'x-virus-id': 'Test' }, Buffer.from(''), { isMarked: true, title: null, named: 'Test' }],
    [200, {}, titled('Malware detected'), { isMarked: true, title: 'Malware detected', named: null }],
  ])('is recognized with status %i and %j', (status, headers, body, notice) => {
    expect(blockNotice(head(status, headers), body)).toEqual(notice);
  });

  it.each([
    ['an error page that repeats its status', 502, HTML, titled('502 Bad Gateway')],
    ['an error of an object store', 403, { 'content-type': 'application/xml' }, Buffer.from('<?xml version="1.0"?>')],
    ['a problem in JSON', 422, { 'content-type': 'application/problem+json' }, Buffer.from('{"job":"a"}')],
    ['an empty response', 403, {}, Buffer.from('')],
  ])('is not %s', (_name, status, headers, body) => {
    expect(blockNotice(head(status, headers), body)).toBeNull();
  });

  it('is described with the title, what to ask for, and what happens next', () => {
    const notice = { isMarked: false, title: 'Policy 7', named: null };
    const url = new URL('https://support.example.com/files/1?key=secret');
    const error = uploadBlocked(notice, { head: head(200), url, facts: FACTS }, { what: 'bundle 20261130-k3f9q2' });
    expect(error.safeText).toBe(
      'A scanner at or behind proxy corp blocked https://support.example.com/files/1?*** (200): "Policy 7".',
    );
    expect(error.check).toBe(
      'Ask the team that runs the scanner to examine and exempt this upload. Give them the URL, the title of the page ' +
        'and bundle 20261130-k3f9q2. The upload is sent once more after an hour, then held until you run sallyport queue retry, ' +
        'or the route changes.',
    );
  });
});
