// Settings for tests, without a configuration file.

import { settingsSchema } from '#config/schema/settings.ts';
import type { Settings } from '#config/settings.ts';

/** Settings with the shipped defaults and these sections on top; one attempt by default. */
export function testSettings(dir: string, over: Record<string, unknown> = {}): Settings {
  const { updates, ...rest } = over as { updates?: object };
  const parsed = settingsSchema.parse({ version: 2, retry: { attempts: 1 }, ...rest, updates: { ...updates } });
  return {
    ...parsed,
    updates: { ...parsed.updates, packages_dir: `${dir}/packages` },
    logging: { ...parsed.logging, dir: `${dir}/logs` },
    daemon: { state_dir: `${dir}/state`, control_socket: `${dir}/state/control.sock` },
  } as unknown as Settings;
}
