/** The order in which proxies are tried is computed (changedRoutes, listEndpoints) and used (Router) by one algorithm. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { changedRoutes } from '#proxy/choosing/changed-routes.ts';
import { chooseProxy, fallbacksOf, type ProxySettings, possibleFallbacks } from '#proxy/choosing/choice.ts';
import { endpointOf } from '#proxy/endpoint.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { forAll, testRouter } from '#test/support/test-router.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] as const;
const HOSTS = ['one.example', 'two.example', 'three.example'] as const;
const TARGETS = HOSTS.map((host) => new URL(`https://${host}/`));

/** Nine profiles with any lists of fallbacks, some of which exempt some of the hosts. */
const anyProxies = fc
  .record({
    lists: fc.array(fc.subarray([...NAMES], { minLength: 0, maxLength: 9 }), { minLength: 9, maxLength: 9 }),
    exempts: fc.array(fc.option(fc.subarray([...HOSTS]), { nil: null }), { minLength: 9, maxLength: 9 }),
    ports: fc.array(fc.constantFrom(1, 2), { minLength: 9, maxLength: 9 }),
  })
  .map(({ lists, exempts, ports }) =>
    NAMES.map(
      (name, index): ProxyProfile => ({
        name,
        address: `${name}.proxy.example`,
        port: ports[index] ?? 1,
        scheme: 'http',
        authentication: 'transparent',
        default: index === 0,
        fallback: lists[index] ?? [],
        no_proxy: exempts[index]?.join(', '),
      }),
    ),
  );

function settingsWith(proxies: readonly ProxyProfile[]): ProxySettings {
  return { proxy_enabled: true, proxy_required: false, proxies, use_proxy_for: forAll('default') };
}

/** The candidates that the router tries for a target, in words. Nothing is dialled. */
async function walked(proxies: readonly ProxyProfile[], target: URL): Promise<readonly string[]> {
  const over = new AbortController();
  let ways: readonly string[] = [];
  const route = testRouter({ proxies }).route('updates', target);
  const opened = route.open({
    bulk: false,
    signal: over.signal,
    watch: ({ phase, facts }) => {
      if (phase !== 'choice') return;
      ways = facts['ways'] as readonly string[];
      over.abort(new Error('enough'));
    },
  });
  await expect(opened).rejects.toThrow('enough');
  return ways;
}

/** The candidates that `fallbacksOf` and its callers expect for a target, in words. */
function judged(proxies: readonly ProxyProfile[], target: URL): readonly string[] {
  const endpoint = endpointOf(target);
  const { proxy } = chooseProxy('updates', endpoint, settingsWith(proxies));
  if (proxy === null) return ['direct'];
  const standIns = fallbacksOf(proxy, endpoint, proxies).map(({ profile }) => profile);
  return [proxy, ...standIns].map(({ name, address, port }) => `proxy ${name} (${address}:${port})`);
}

describe('the order of fallbacks', () => {
  it('fallbacks: the router tries them in the computed order, for any lists and target', async () => {
    await fc.assert(
      fc.asyncProperty(anyProxies, fc.constantFrom(...TARGETS), async (proxies, target) => {
        expect(await walked(proxies, target)).toEqual(judged(proxies, target));
      }),
      { numRuns: 60 },
    );
  });

  it('fallbacks: a change without a trial changes no order of attempts', () => {
    fc.assert(
      fc.property(anyProxies, anyProxies, fc.subarray([...NAMES]), (one, other, changed) => {
        const mixed = one.map((profile, index) => (changed.includes(NAMES[index] ?? 'a') ? other[index] : profile));
        const to = mixed as readonly ProxyProfile[];
        if (changedRoutes(settingsWith(one), settingsWith(to)).length > 0) return;
        for (const target of TARGETS) expect(judged(to, target)).toEqual(judged(one, target));
      }),
      { numRuns: 300 },
    );
  });

  it('fallbacks: candidates begin with the usual list and end with the last certain profile', () => {
    fc.assert(
      fc.property(anyProxies, (proxies) => {
        const [chosen] = proxies;
        if (chosen === undefined) return;
        const candidates = possibleFallbacks(chosen, proxies).map(({ profile }) => profile.name);
        // A host that every profile with a no_proxy exempts leads as far as any target can get.
        const far = proxies.map((profile) =>
          profile.no_proxy === undefined ? profile : { ...profile, no_proxy: '*' },
        );
        const certain = fallbacksOf(chosen, { host: 'x', port: 1 }, far).map(({ profile }) => profile.name);
        const near = proxies.map((profile) => ({ ...profile, no_proxy: undefined }));
        const all = near.flatMap((profile) => (profile.name === chosen.name ? possibleFallbacks(profile, near) : []));
        expect(candidates.filter((name) => proxies.find((one) => one.name === name)?.no_proxy === undefined)).toEqual(
          certain,
        );
        expect(candidates.slice(0, all.length)).toEqual(
          all.map(({ profile }) => profile.name).slice(0, candidates.length),
        );
      }),
    );
  });

  it('fallbacks: one beyond the reachable part of the lists requires no trial', () => {
    const names = NAMES.slice(0, 7);
    const proxies = (port: number) =>
      names.map((name, index): ProxyProfile => {
        const isLast = index === names.length - 1;
        const common = { name, address: 'p', scheme: 'http', authentication: 'transparent' } as const;
        return {
          ...common,
          port: isLast ? port : 1,
          default: index === 0,
          fallback: index === 0 ? names.slice(1) : [],
        };
      });

    expect(changedRoutes(settingsWith(proxies(1)), settingsWith(proxies(2)))).toEqual([]);
  });

  it('fallbacks: one that exempted hosts make reachable requires a trial', () => {
    const names = NAMES.slice(0, 7);
    const proxies = (port: number) =>
      names.map((name, index): ProxyProfile => {
        const isLast = index === names.length - 1;
        const common = { name, address: 'p', scheme: 'http', authentication: 'transparent' } as const;
        const no_proxy = index === 1 ? 'one.example' : undefined;
        const fallback = index === 0 ? names.slice(1) : [];
        return { ...common, port: isLast ? port : 1, default: index === 0, fallback, no_proxy };
      });
    const target = { host: 'one.example', port: 443 };
    const [chosen] = proxies(1);

    expect(changedRoutes(settingsWith(proxies(1)), settingsWith(proxies(2)))).toEqual(PURPOSES);
    expect(chosen && fallbacksOf(chosen, target, proxies(1)).map(({ profile }) => profile.name)).toEqual(
      names.slice(2),
    );
  });
});
