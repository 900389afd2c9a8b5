// The package has no types of its own.
declare module 'proxy-from-env' {
  /** The URL of the proxy that `process.env` names for this URL, or an empty string. */
  export function getProxyForUrl(url: string): string;
}
