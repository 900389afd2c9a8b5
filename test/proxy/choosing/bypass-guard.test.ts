import { describe, expect, it } from 'vitest';
import { findBypasses, proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import type { ProxySettings } from '#proxy/choosing/choice.ts';

const CORP = {
  name: 'corp',
  address: 'a',
  port: 80,
  scheme: 'http',
  authentication: 'transparent',
  default: true,
} as const;
const DEFAULTS = {
  updates: 'default',
  support_logs: 'default',
  exposure_analytics: 'default',
  platform: 'default',
  telemetry: 'default',
};
const WITH: ProxySettings = { proxy_enabled: true, proxy_required: false, proxies: [CORP], use_proxy_for: DEFAULTS };
const WITHOUT: ProxySettings = { ...WITH, proxies: [] };

describe('the proxy of each purpose', () => {
  it('the proxy of each purpose: it is a name, or null for direct; no_proxy does not count', () => {
    const settings = {
      ...WITH,
      proxies: [{ ...CORP, no_proxy: '*' }],
      use_proxy_for: { ...DEFAULTS, platform: 'none' },
    };

    expect(proxiesByPurpose(settings)).toEqual({
      updates: 'corp',
      support_logs: 'corp',
      exposure_analytics: 'corp',
      platform: null,
      telemetry: 'corp',
    });
  });
});

describe('going direct by accident', () => {
  it('an accidental bypass: every purpose that had a proxy and now has none is reported', () => {
    const before = { ...proxiesByPurpose(WITH), support_logs: null };

    expect(findBypasses(before, WITHOUT).map(({ facts }) => facts['purpose'])).toEqual([
      'updates',
      'exposure_analytics',
      'platform',
      'telemetry',
    ]);
  });

  it('an accidental bypass: a purpose that was direct, changed proxy or says direct is none', () => {
    const before = proxiesByPurpose(WITH);
    const none = {
      updates: 'none',
      support_logs: 'none',
      exposure_analytics: 'none',
      platform: 'none',
      telemetry: 'none',
    };

    expect(findBypasses(proxiesByPurpose(WITHOUT), WITHOUT)).toEqual([]);
    expect(findBypasses(before, { ...WITH, proxies: [{ ...CORP, name: 'other' }] })).toEqual([]);
    expect(findBypasses(before, { ...WITHOUT, proxy_enabled: false })).toEqual([]);
    expect(findBypasses(before, { ...WITHOUT, use_proxy_for: none })).toEqual([]);
  });
});
