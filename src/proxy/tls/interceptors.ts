// Recognizes products that intercept TLS, by the issuer name in the certificates that they make. Pure.
//
// A name proves nothing, so it only decides which of two failures is reported. Public CAs must not match.

/** Products whose CA has their name by default, and names that administrators give to such CAs. */
const NAMES = [
  'zscaler',
  'netskope',
  'palo ?alto',
  'forti(?:gate|net|proxy)',
  'blue ?coat',
  'proxysg',
  'sophos',
  'check ?point',
  'cisco umbrella',
  'secure web appliance',
  'mcafee web gateway',
  'skyhigh',
  'forcepoint',
  'websense',
  'barracuda',
  'iboss',
  'watchguard',
  'sonicwall',
  'menlo security',
  'cato networks',
  'gateway ca - cloudflare',
  'smoothwall',
  'lightspeed',
  'contentkeeper',
  'untangle',
  'mitmproxy',
  'charles proxy',
  'do_not_trust',
  'portswigger',
  'kaspersky',
  'eset ssl filter',
  'web/mail shield',
  'bitdefender',
  'squid',
  '(?:ssl|tls|https) ?(?:proxy|scan\\w*|bump\\w*)',
  'inspect\\w*',
  'intercept\\w*',
  'decrypt\\w*',
  'forward trust',
  'proxy ca',
  'web ?proxy',
];
const INTERCEPTOR = new RegExp(`\\b(?:${NAMES.join('|')})\\b`, 'i');

/** Whether a distinguished name is that of an intercepting CA. */
export function isInterceptor(name: string): boolean {
  return INTERCEPTOR.test(name);
}
