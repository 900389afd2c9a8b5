// Control without a daemon: the same object, composed in this process, without schedules and without a socket.

import type { LoadedSettings, LoadResult } from '#config/load.ts';
import type { Environment } from '#config/places.ts';
import type { Control } from '#control/control.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { Agent } from './agent.ts';
import { compose } from './compose.ts';

/** Builds the parts and hands out their Control; `close` puts everything away. */
export async function openInProcess(options: {
  readonly loaded: LoadedSettings;
  readonly known: KnownSecrets;
  readonly version: string;
  readonly environment?: Environment;
  load?(text?: string): Promise<LoadResult>;
}): Promise<Control> {
  return new Agent(await compose({ ...options, mode: 'command' }));
}
