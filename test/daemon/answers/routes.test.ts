// Each purpose with its route and the reason, logged at the start: with no proxy, with several proxies, and with
// connections that must not bypass the proxy.

import { afterEach, describe, expect, it } from 'vitest';
import { describeRoutes, reportRoutes } from '#daemon/answers/routes.ts';
import { classicLine } from '#logging/classic.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { toRecord } from '#logging/record.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';

let composed: Composed | null = null;
afterEach(async () => {
  await composed?.remove();
  composed = null;
});

const FEED = { feed_url: 'https://updates.example.com/feed.json?key=abc' };
const corp = { name: 'corp', address: 'proxy.example.com', port: 3128, default: true };
const lab = { name: 'lab', address: '192.0.2.7', port: 8080 };

/** The routes logged at the start, without time and level. */
async function told(sections: Record<string, unknown>): Promise<string[]> {
  composed = await composeIn(sections);
  const { router, settings } = composed.parts.ports;
  const events: SallyportEvent[] = [];
  reportRoutes(router, settings(), (event) => events.push(event));
  const redactor = createRedactor(new KnownSecrets());
  return events.map((event) => classicLine(toRecord(event, 0, redactor)).replace(/^\S+ \[INFO\] /, ''));
}

describe('routes: the log at the start', () => {
  it('says that routes are direct because no proxy is configured', async () => {
    expect(await told({ updates: FEED })).toEqual([
      expect.stringMatching(/^\[Thread: Config\] Route for updates: direct \(.*(?:no proxies|proxies).*\)\.$/),
      '[Thread: Config] support_logs is not configured.',
      '[Thread: Config] exposure_analytics is not configured.',
      '[Thread: Config] platform is not configured.',
      '[Thread: Config] telemetry is not configured.',
    ]);
  });

  it('names proxy, connection mode and reason for each purpose', async () => {
    const lines = await told({
      updates: FEED,
      proxies: [corp, lab],
      use_proxy_for: { support_logs: 'lab', platform: 'none' },
      support_logs: { enabled: true, url: 'https://logs.example.com/' },
      exposure_analytics: { url: 'https://analytics.example.com/' },
      platform: { enabled: true, url: 'wss://platform.example.com/link' },
    });
    expect(lines).toHaveLength(5);
    expect(lines[0]).toContain('Route for updates: through proxy corp, tunnel (');
    expect(lines[1]).toContain('Route for support_logs: through proxy lab, tunnel (');
    expect(lines[1]).toContain('use_proxy_for.support_logs is lab');
    expect(lines[2]).toContain(
      'exposure_analytics is configured but not enabled. Its route would be: through proxy corp, tunnel (',
    );
    expect(lines[3]).toContain('Route for platform: direct');
    expect(lines[3]).toContain('use_proxy_for.platform is none');
  });

  it('names proxy_enabled: false as the reason for direct routes', async () => {
    const [line] = await told({ updates: FEED, proxies: [corp], proxy_enabled: false });
    expect(line).toContain('Route for updates: direct (proxy_enabled is false');
  });

  it('names the proxy for each purpose under proxy_required', async () => {
    const [line] = await told({ updates: FEED, proxies: [corp], proxy_required: true });
    expect(line).toContain('Route for updates: through proxy corp, tunnel (');
  });

  it('routes: the status shows no query of an address', async () => {
    composed = await composeIn({ updates: FEED, proxies: [corp] });
    const { router, settings } = composed.parts.ports;
    const [updates] = describeRoutes(router, settings());
    expect(updates).toMatchObject({ proxy: 'corp', target: 'https://updates.example.com/feed.json?***' });
  });
});

describe('routes: a direct connection under proxy_required', () => {
  it.each([
    ['no proxies', {}],
    ['a purpose that says none', { proxies: [corp], use_proxy_for: { updates: 'none' } }],
    ['proxy_enabled: false', { proxies: [corp], proxy_enabled: false }],
  ])('is refused before anything starts: %s', async (_what, sections) => {
    await expect(composeIn({ updates: FEED, proxy_required: true, ...sections })).rejects.toThrow('POLICY-DIRECT');
  });
});
