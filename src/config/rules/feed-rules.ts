// Checks the rules between the keys of feeds: which feeds are trusted, which URLs use plain HTTP, and when the hook can
// run. Pure.

import type { Finding, KeyPath } from '#config/problem.ts';
import { isLoopbackUrl } from '#config/schema/values.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

type Updates = NonNullable<Salvaged['updates']>;

/** The findings about feeds and the hook, in the order of the file. */
export function checkFeeds({ updates, activation }: Salvaged): Finding[] {
  if (updates === undefined) return [];
  return [
    ...checkUnsignedFeed(updates),
    ...checkTrust(updates),
    ...checkFeedTargets(updates),
    ...checkLicenseKeysTarget(updates, activation),
    ...checkClearTokens(updates),
    ...checkHook(updates),
  ];
}

function checkUnsignedFeed({ feed_url: feed, trust }: Updates): Finding[] {
  if (feed === undefined || !isClear(feed)) return [];
  const message =
    trust === 'tuf'
      ? 'This feed is only compared with the signed one, and is not read over http. Use https, or remove this key.'
      : 'An unsigned feed is not accepted over http: anyone on the network path could change it. Use https.';
  return [warning(['updates', 'feed_url'], message, new URL(feed).origin)];
}

function checkTrust({ trust, tuf, trust_downgrade: downgrade }: Updates): Finding[] {
  if (trust === 'tuf' && tuf === undefined) {
    const message = 'trust is tuf, which requires tuf: {metadata_url: ..., root_file: ...}.';
    return [error(['updates', 'trust'], message, 'tuf')];
  }
  if (trust === 'tls' && tuf !== undefined) {
    const message = 'The signed feed is not used, because trust is tls. To use it, set trust: tuf.';
    return [{ ...warning(['updates', 'tuf'], message), at: 'key' }];
  }
  if (trust !== 'tuf' || downgrade !== true) return [];
  const message = 'This key has no effect with trust: tuf. Remove it, so that a later trust: tls is refused again.';
  return [{ ...warning(['updates', 'trust_downgrade'], message), at: 'key' }];
}

/** A path twice would list every package twice, and so refuse all of them. */
function checkFeedTargets({ tuf }: Updates): Finding[] {
  const paths = tuf?.feed_target;
  if (!Array.isArray(paths)) return [];
  return paths.flatMap((path, index) =>
    paths.indexOf(path) === index
      ? []
      : [error(['updates', 'tuf', 'feed_target', index], 'This path is already in the list.', path)],
  );
}

/** Only the metadata of a signed feed can say that the keys are those of the vendor. */
function checkLicenseKeysTarget({ trust }: Updates, activation: Salvaged['activation']): Finding[] {
  const path = activation?.license_keys_target;
  if (path === undefined || trust === undefined || trust === 'tuf') return [];
  const message = 'This key requires updates.trust: tuf. Without it, use activation.license_keys.';
  return [error(['activation', 'license_keys_target'], message, path)];
}

/** A signed feed may be public; a token may not. */
function checkClearTokens({ trust, tuf, headers = {}, bearer_token: token }: Updates): Finding[] {
  const url = tuf?.metadata_url;
  if (trust !== 'tuf' || url === undefined || !isClear(url)) return [];
  const keys: KeyPath[] = Object.keys(headers).map((name) => ['updates', 'headers', name]);
  if (token !== undefined) keys.push(['updates', 'bearer_token']);
  const message =
    'Everyone on the network path could read this secret, because metadata_url uses http. Use https there, or remove this key.';
  return keys.map((path) => ({ ...error(path, message), at: 'key' }));
}

/** A hook that can never run is allowed, but probably not intended. */
function checkHook({ on_published: hook, feed_url: feed, hook_trust: hookTrust, trust }: Updates): Finding[] {
  if (hook === undefined || trust === 'tuf') return [];
  const at: KeyPath = ['updates', 'on_published'];
  if (feed !== undefined && URL.canParse(feed) && isLoopbackUrl(new URL(feed)) && feed.startsWith('http:')) {
    return [{ ...warning(at, 'The hook will never run, because the feed comes over http from this host.'), at: 'key' }];
  }
  if (hookTrust !== undefined) return [];
  const message =
    'The hook runs only for signed feeds, and this feed is not signed. To run it for feeds over https, set hook_trust: tls.';
  return [{ ...warning(at, message), at: 'key' }];
}

/** Whether a URL leads to another host without TLS. */
function isClear(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol !== 'https:' && !isLoopbackUrl(url);
}
