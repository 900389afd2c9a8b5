// Lists the endpoints for a caller. If a daemon is running, they are those of the active settings, otherwise those of
// the file. The file and the record of observed hosts are read with the rights of the caller. No lock is taken and no
// file is changed.

import { basename, join } from 'node:path';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { EndpointList } from '#control/endpoints.ts';
import type { Parts } from '#daemon/parts.ts';
import type { PlaceOf } from '#diagnose/places.ts';
import { PATHS_FILE, peekHosts } from '#path/habits.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { listEndpoints } from './endpoints.ts';

/** By the active settings. */
export function currentEndpoints({ ports, config, clock }: Parts): EndpointList {
  return listEndpoints({
    settings: ports.settings(),
    observedHosts: ports.habits.hosts(),
    now: clock.now(),
    version: ports.agent.version,
    config: config.loaded.file,
    source: 'daemon',
    placeOf: placesIn(config.loaded),
  });
}

/** By the file. */
export async function endpointsOfFile(
  loaded: LoadedSettings,
  { files, clock, version }: { readonly files: Files; readonly clock: Clock; readonly version: string },
): Promise<EndpointList> {
  const { settings, file } = loaded;
  return listEndpoints({
    settings,
    observedHosts: await peekHosts(files, join(settings.daemon.state_dir, PATHS_FILE)),
    now: clock.now(),
    version,
    config: file,
    source: 'file',
    placeOf: placesIn(loaded),
  });
}

/** Where the file sets a key: `sallyport.yaml:12`. */
export function placesIn({ file, lineOf }: Pick<LoadedSettings, 'file' | 'lineOf'>): PlaceOf {
  return (key) => {
    const place = lineOf(key);
    return place === null ? null : `${basename(file)}:${place.line}`;
  };
}
