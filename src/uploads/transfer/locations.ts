// The URLs of an upload: its URL at the server, the URL that completes it, and the URL for a PUT of the whole file.
// Pure.
//
// Guarantees: every URL has the origin of `support_logs.url`, so that content and credentials do not go elsewhere.

import { MAX_URL_LENGTH } from '#config/schema/values.ts';
import { coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import { shownUrl } from '#http/check-url.ts';

/**
 * The upload that a server created: its Location, relative or absolute (RFC 9110, 10.2.2).
 * @throws CodedError UPLOAD-LOCATION, URL-ELSEWHERE
 */
export function uploadAt(location: string | undefined, endpoint: URL): URL {
  const unusable = (reason: string) =>
    coded('UPLOAD-LOCATION', { url: shownUrl(endpoint), reason, hop: originAt(endpoint.host) });
  if (location === undefined || location === '') throw unusable('it is missing');
  if (location.length > MAX_URL_LENGTH) throw unusable(`it is longer than ${MAX_URL_LENGTH} characters`);
  const url = URL.parse(location, endpoint);
  if (url === null) throw unusable('it is not a URL');
  if (url.origin !== endpoint.origin) {
    throw coded('URL-ELSEWHERE', { origin: url.origin, target: endpoint.host, hop: originAt(endpoint.host) });
  }
  if (url.username !== '' || url.password !== '') throw unusable('it has a user or a password');
  if (url.pathname === endpoint.pathname && url.search === endpoint.search) throw unusable('it is the URL itself');
  url.hash = '';
  return url;
}

/** A stored location, if it still belongs to this target; the URL in the configuration may have changed. */
export function storedUpload(location: string | null, endpoint: URL): URL | null {
  const url = location === null ? null : URL.parse(location);
  return url !== null && url.origin === endpoint.origin ? url : null;
}

/** Where the server confirms that it has the whole file. */
export function completionOf(upload: URL): URL {
  return below(upload, 'complete');
}

/** Where the whole file is put. */
export function fileAt(endpoint: URL, fileName: string): URL {
  return below(endpoint, encodeURIComponent(fileName));
}

function below(url: URL, name: string): URL {
  const inside = new URL(url);
  inside.pathname = `${url.pathname.replace(/\/+$/, '')}/${name}`;
  return inside;
}
