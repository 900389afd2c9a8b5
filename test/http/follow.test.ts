import { describe, expect, it } from 'vitest';
import { type FollowStep, followRedirects, isRedirect } from '#http/follow.ts';
import type { ScopedReport } from '#logging/scoped.ts';

const CONFIGURED = new URL('https://updates.example.com/feed.json');

const redirect = (location: string | null, status = 302) => ({
  redirect: { status, reason: 'Found', rawHeaders: location === null ? [] : ['Location', location] },
});

/** Follows from `/a`, answered in order by these steps; returns what was requested and reported. */
async function follow(steps: readonly FollowStep<string>[], start: string | URL = '/a') {
  const visits: [string, boolean][] = [];
  const events: Parameters<ScopedReport>[0][] = [];
  const outcome = await followRedirects({
    start,
    context: { configured: CONFIGURED, allowedOrigins: ['https://cdn.example.com'] },
    report: (event) => events.push(event),
    visit: async (url, credentials) => {
      visits.push([url.href, credentials]);
      return steps[Math.min(visits.length, steps.length) - 1] ?? expect.fail('nothing to answer');
    },
  }).catch((error: unknown) => error);
  return { visits, events, outcome };
}

describe('redirects: following', () => {
  it('makes one request if there is no redirect', async () => {
    const { visits, events, outcome } = await follow([{ value: 'it' }]);

    expect(outcome).toBe('it');
    expect(visits).toEqual([['https://updates.example.com/a', true]]);
    expect(events).toEqual([]);
  });

  it('checks each hop and sends credentials only to the configured origin', async () => {
    const { visits, events, outcome } = await follow([
      redirect('b?x=1#f'),
      redirect('https://cdn.example.com/c'),
      redirect('d', 307),
      redirect('https://updates.example.com/e', 308),
      { value: 'it' },
    ]);

    expect(outcome).toBe('it');
    expect(visits).toEqual([
      ['https://updates.example.com/a', true],
      ['https://updates.example.com/b?x=1', true],
      ['https://cdn.example.com/c', false],
      ['https://cdn.example.com/d', false],
      ['https://updates.example.com/e', true],
    ]);
    expect(events).toEqual([
      { name: 'redirected', url: 'https://updates.example.com/b?***' },
      { name: 'redirected', url: 'https://cdn.example.com/c' },
      { name: 'redirected', url: 'https://cdn.example.com/d' },
      { name: 'redirected', url: 'https://updates.example.com/e' },
    ]);
  });

  it('follows five and not one more', async () => {
    const five = [redirect('1'), redirect('2'), redirect('3'), redirect('4'), redirect('5')];

    expect((await follow([...five, { value: 'it' }])).outcome).toBe('it');
    const { visits, outcome } = await follow([...five, redirect('6'), { value: 'it' }]);

    expect(outcome).toMatchObject({ code: 'REDIRECT-LOOP', hop: 'updates.example.com', facts: { limit: 5 } });
    expect(visits).toHaveLength(6);
  });

  it('ends a loop with an error', async () => {
    expect((await follow([redirect('/a')])).outcome).toMatchObject({ code: 'REDIRECT-LOOP' });
  });

  it.each([
    ['http://updates.example.com/x', 'URL-DOWNGRADE'],
    ['https://elsewhere.example.com/x', 'URL-FOREIGN'],
    ['http://169.254.169.254/latest', 'URL-INTERNAL'],
    ['http://[::1]/', 'URL-INTERNAL'],
    ['https://u:p@updates.example.com/x', 'URL-INVALID'],
    ['file:///etc/passwd', 'URL-INVALID'],
    ['', 'REDIRECT-INVALID'],
    ['https://', 'REDIRECT-INVALID'],
    [null, 'REDIRECT-INVALID'],
  ])('does not request %s: %s', async (location, code) => {
    const { visits, outcome } = await follow([redirect(location), { value: 'it' }]);

    expect(outcome).toMatchObject({ code, hop: 'updates.example.com' });
    expect(visits).toHaveLength(1);
  });

  it('checks the first URL as well', async () => {
    const { visits, outcome } = await follow([{ value: 'it' }], new URL('https://10.0.0.1/'));

    expect(outcome).toMatchObject({ code: 'URL-INTERNAL' });
    expect(visits).toEqual([]);
  });

  it('sends a Location in Latin-1 back with the same bytes', async () => {
    const { visits } = await follow([redirect('/\u00e4.jar'), { value: 'it' }]);
    expect(visits.at(-1)?.[0]).toMatch(/\/%E4\.jar$/);
  });

  it('accepts two equal Location lines, and refuses two that differ', async () => {
    const twice = (one: string, other: string) => ({
      redirect: { status: 302, reason: 'Found', rawHeaders: ['Location', one, 'location', other] },
    });
    const { visits } = await follow([twice('/a.jar', '/a.jar'), { value: 'it' }]);
    expect(visits.at(-1)?.[0]).toMatch(/\/a\.jar$/);
    const { outcome } = await follow([twice('/a.jar', '/b.jar'), { value: 'it' }]);
    expect(outcome).toMatchObject({ code: 'REDIRECT-INVALID' });
  });

  it('reads a Location in UTF-8 as browsers do', async () => {
    const { visits } = await follow([redirect(Buffer.from('/ä.jar', 'utf8').toString('latin1')), { value: 'it' }]);

    expect(visits[1]?.[0]).toBe('https://updates.example.com/%C3%A4.jar');
  });

  it('knows which statuses redirect', () => {
    const statuses = Array.from({ length: 600 }, (_, status) => status);

    expect(statuses.filter((status) => isRedirect(status))).toEqual([301, 302, 303, 307, 308]);
  });
});
