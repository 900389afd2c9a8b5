// Describes the result of a stage in one sentence. There is a template for each stage, which the formatter fills. Pure.

import { type FieldValue, fillTemplate } from '#errors/template.ts';
import type { StageName } from './report.ts';

const SAYS: Readonly<Record<StageName, string>> = {
  choice: '{ways:words}: {why:words}',
  resolve: '{host} resolves to {addresses}',
  dial: 'connected to {address}:{port}',
  proxy_tls: 'certificate of the proxy issued by {issuer}, valid until {expires}',
  tunnel: 'the proxy opened a tunnel to {target}',
  authentication: 'the proxy accepted user and password ({scheme})',
  tls: 'issued by {issuer}, valid until {expires}',
  http: 'answered {status} {reason:words}',
  websocket: 'upgraded to a WebSocket',
  range: 'received the requested range ({status})',
  upload: 'sent {bytes:size}; the server discarded it',
  path: 'Via {via:via}; ETag {etag:words}; length {length:words}; ranges {ranges:words}',
  clock: 'the clock of this host is {direction:words} by {by:ms}',
};

/** Sentences for special cases. */
const VARIANTS = {
  decrypted: 'decrypted by a proxy with the CA {intercepted} (allow_interception_by), which can read everything',
  certificateUnread: 'the certificate is trusted',
  noRange: 'the whole file arrived instead of the requested range ({status})',
  unknownTest: 'sent {bytes:size}; the server answered {status}: it does not know test objects',
  rightClock: 'the clocks of this host and of {host} agree',
} as const;

type Facts = Readonly<Record<string, FieldValue>>;

/** The sentence of a stage that succeeded. */
export function stageSentence(stage: StageName, target: string, facts: Facts): string {
  return fillTemplate(templateFor(stage, facts), { target, ...facts });
}

function templateFor(stage: StageName, facts: Facts): string {
  if (stage === 'tls' && typeof facts['intercepted'] === 'string') return VARIANTS.decrypted;
  if ((stage === 'tls' || stage === 'proxy_tls') && facts['issuer'] === undefined) return VARIANTS.certificateUnread;
  if (stage === 'range' && facts['works'] === false) return VARIANTS.noRange;
  if (stage === 'upload' && facts['works'] === false) return VARIANTS.unknownTest;
  if (stage === 'clock' && facts['right'] === true) return VARIANTS.rightClock;
  return SAYS[stage];
}
