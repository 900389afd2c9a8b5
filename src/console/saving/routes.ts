// The requests of the settings pages: reading the settings, and trying and saving changes.

import type { ConsoleContext, ConsoleRoute } from '#console/route.ts';

/** The routes, which share the change that is being tried. */
export function changeRoutes(_context: ConsoleContext): readonly ConsoleRoute[] {
  return [];
}
