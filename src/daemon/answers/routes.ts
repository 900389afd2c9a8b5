// The active route of each purpose, with the settings that selected it, for the log at the start and for `status`.

import { isEnabled, urlOf } from '#config/purpose-settings.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { Status } from '#control/control.ts';
import { CodedError } from '#errors/coded-error.ts';
import { shownUrl } from '#http/check-url.ts';
import type { Report } from '#logging/events.ts';
import { type Reason, reasonText } from '#proxy/reason.ts';
import type { Router } from '#proxy/route.ts';

type RouteRow = Pick<Status['routes'][number], 'purpose' | 'how' | 'proxy' | 'target' | 'why' | 'enabled'>;

/** One row per purpose, with the reasons in words; no connection is made. */
export function describeRoutes(router: Router, settings: Settings, toText = reasonText): RouteRow[] {
  return PURPOSES.map((purpose) => describeRoute(router, settings, { purpose, toText }));
}

/** The same as events, for the log. */
export function reportRoutes(router: Router, settings: Settings, report: Report): void {
  for (const { purpose, how, proxy, target, why, enabled } of describeRoutes(router, settings)) {
    const routeText = proxy === null ? how : `through proxy ${proxy}, ${how}`;
    if (target === null) report({ name: 'purpose-unconfigured', purpose });
    else if (enabled) report({ name: 'purpose-route', purpose, how: routeText, why });
    else report({ name: 'purpose-disabled', purpose, how: routeText, why });
  }
}

function describeRoute(
  router: Router,
  settings: Settings,
  { purpose, toText }: { readonly purpose: Purpose; readonly toText: (reason: Reason) => string },
): RouteRow {
  const target = urlOf(settings, purpose) ?? null;
  if (target === null) return { purpose, how: 'not configured', proxy: null, target, why: [], enabled: false };
  const enabled = isEnabled(settings, purpose);
  try {
    const route = router.route(purpose, new URL(target));
    const { how, proxy, reasons } = route;
    return { purpose, how, proxy, target: shownUrl(route.target), why: reasons.map(toText), enabled };
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    return { purpose, how: 'refused', proxy: null, target, why: [thrown.message], enabled };
  }
}
