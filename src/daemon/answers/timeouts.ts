// Answers questions about response timeouts, and imports samples from an old log. Only `seedTimeouts` changes data, and
// its changes are durable when it returns.

import type { TimeoutExplanation, TimeoutSeeded, TimeoutSeeds } from '#control/timeouts.ts';
import { ownHop } from '#proxy/hop.ts';
import { utcTime } from '#system/moment.ts';
import type { RouteKey } from '#timeout/model.ts';
import { recentWaits } from '#timeout/recent-waits.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { configuredPackages, isOpaqueOrigin } from '#updates/request.ts';

/** Sizes that give an overview: 1, 10 and 100 MB. */
const SIZES = [1_000_000, 10_000_000, 100_000_000];

type TimeoutPorts = Pick<UpdatesPorts, 'model' | 'timeouts' | 'habits' | 'clock' | 'router' | 'settings'>;

/** The plans of every known route, that of the updates first; `size` adds one more size. */
export function explainTimeouts(ports: TimeoutPorts, size: number | null): TimeoutExplanation {
  const { mode, base_ms, min_ms, max_ms, total_max_ms } = ports.settings().response_timeout;
  const now = routeOfUpdates(ports);
  const known = ports.model.routes().toReversed();
  const isNow = ({ proxy, origin }: RouteKey) => proxy === now?.proxy && origin === now.origin;
  const routes = now === null ? known : [now, ...known.filter((route) => !isNow(route))];
  const sizes = [...new Set([...SIZES, ...(size === null ? [] : [size])])].sort((a, b) => a - b);
  return {
    mode,
    base_ms,
    min_ms,
    max_ms,
    total_max_ms,
    routes: routes.map((route) => explainRoute(ports, route, sizes)),
  };
}

function explainRoute(
  { model, timeouts, habits, clock, settings }: TimeoutPorts,
  route: RouteKey,
  sizes: readonly number[],
): TimeoutExplanation['routes'][number] {
  const samples = model.samples(route);
  const maxSize = Math.max(0, ...samples.map((sample) => sample.size));
  const maxWait = recentWaits(samples, 0);
  const newest = samples.at(-1)?.atMs;
  const { changed } = timeouts.route(route) ?? {};
  const planned = { ...route, isOpaque: isOpaqueOrigin(settings(), route.origin) };
  return {
    ...route,
    kind: habits.wordsOf(route),
    plans: sizes.map((size) => {
      const plan = model.plan(planned, size, clock.now());
      return {
        size,
        first_byte_ms: plan.firstByteMs,
        silence_ms: plan.silenceMs,
        total_ms: plan.totalMs,
        expected_ms: plan.expectedMs,
        why: plan.explanation,
      };
    }),
    evidence: {
      downloads: samples.length,
      newest: newest === undefined ? null : utcTime(newest),
      largest: samples.length === 0 ? null : maxSize,
      longest_wait_ms: maxWait?.ms ?? null,
      longest_wait_size: maxWait?.size ?? null,
    },
    changed: changed === undefined || changed === null ? null : { ...changed, at: utcTime(changed.at) },
  };
}

/** The route of packages by the present settings; null when it is not known before a package has arrived. */
function routeOfUpdates({ router, settings, habits }: TimeoutPorts): RouteKey | null {
  const { proxies } = settings();
  const target = configuredPackages(settings());
  if (target === null) return null;
  const { origin } = target;
  let name: string | null;
  try {
    name = router.route('updates', target).proxy;
  } catch {
    // Refused by a policy: no request goes there.
    return null;
  }
  if (name === null) return { proxy: 'direct', origin };
  const profile = proxies.find((one) => one.name === name);
  const hop = profile === undefined ? null : ownHop(profile);
  // If a file or variable names the proxies, use the one that was used last.
  const proxy = hop?.url ?? habits.list().find((habit) => habit.origin === origin)?.proxy ?? null;
  return proxy === null ? null : { proxy, origin };
}

/**
 * Imports downloads of an old log for the route of the updates. Each is counted once, however often the log is
 * imported.
 */
export async function seedTimeouts(ports: TimeoutPorts, seeds: TimeoutSeeds): Promise<TimeoutSeeded> {
  const { model, timeouts, clock } = ports;
  const route = routeOfUpdates(ports);
  if (route === null) return { route, taken: 0, known_before: 0 };
  const fresh = seeds.filter((seed) => timeouts.isNewSeed(`${seed.id} ${seed.ended_at} ${seed.size}`));
  for (const { size, elapsed_ms, longest_silence_ms, ended_at } of fresh.toSorted((a, b) => a.ended_at - b.ended_at)) {
    model.observe(route, {
      size,
      ok: true,
      timedOut: null,
      // An old log does not say whether the silence came before or after the first byte.
      firstByteMs: longest_silence_ms,
      longestSilenceMs: longest_silence_ms,
      totalMs: elapsed_ms,
      // A sample from the future would never expire.
      atMs: Math.min(ended_at, clock.now()),
    });
  }
  await timeouts.save(model.save());
  return { route, taken: fresh.length, known_before: seeds.length - fresh.length };
}
