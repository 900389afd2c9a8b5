// The thread of the second opinion. It makes one request as an ordinary Node program does: with npm's `proxy-agent` and
// Node's own http and https. Of Sallyport's own client it uses only the check of pins.
//
// Guarantees: every request goes to the given proxy, even if the environment names another. No redirect is followed,
// both TLS connections are verified, and no byte of a body is kept. The code that started the thread ends it.

import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { checkServerIdentity, createSecureContext, type PeerCertificate, rootCertificates, TLSSocket } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { ProxyAgent } from 'proxy-agent';
import { issuedChain, pinOf, readChain } from '#proxy/tls/pins.ts';
import type { OpinionQuestion, OpinionReport, OpinionStage, WitnessTrust } from './second-opinion-question.ts';

const MAX_REASON_LENGTH = 300;
const question = workerData as OpinionQuestion;
const url = new URL(question.url);
const isUpgrade = url.protocol === 'ws:' || url.protocol === 'wss:';
const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
let at: OpinionStage = 'proxy';
let tlsError: Error | null = null;

watch(send());

function send(): ClientRequest {
  const { proxyUrl, userAgent: agentName, target, proxy, pins } = question;
  const agent = new ProxyAgent({
    getProxyForUrl: () => proxyUrl,
    headers: { 'User-Agent': agentName },
    rejectUnauthorized: true,
    ...tlsOptions(proxy),
  });
  // The agent's own options would override a `ca` set here; a context overrides both.
  const secureContext = createSecureContext(tlsOptions(target));
  const checkIdentity = (host: string, certificate: PeerCertificate) =>
    checkServerIdentity(host, certificate) ?? (isPinned(certificate, pins) ? undefined : unpinned());
  const tls = { secureContext, checkServerIdentity: checkIdentity, ALPNProtocols: ['http/1.1'] };
  url.protocol = isSecure ? 'https:' : 'http:';
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const key = { 'sec-websocket-key': Buffer.alloc(16, 7).toString('base64') };
  const headers = {
    'user-agent': agentName,
    accept: '*/*',
    ...question.headers,
    ...(isUpgrade ? { ...upgrade, ...key } : {}),
  };
  const options = { agent, headers };
  const made = isSecure ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
  return made.end();
}

function tlsOptions({ ca, ciphers, identity }: WitnessTrust) {
  const { certificate, key, passphrase } = identity ?? { certificate: null, key: null, passphrase: null };
  return {
    minVersion: 'TLSv1.2' as const,
    ca: ca === null ? [...rootCertificates] : [ca],
    ...(ciphers === null ? {} : { ciphers }),
    ...(certificate === null || key === null ? {} : { cert: certificate, key }),
    ...(passphrase === null ? {} : { passphrase }),
  };
}

function isPinned(certificate: PeerCertificate, pins: readonly string[]): boolean {
  return pins.length === 0 || issuedChain(readChain(certificate)).some((one) => pins.includes(pinOf(one)));
}

function unpinned(): Error {
  return Object.assign(new Error('no key of its chain is pinned'), { code: 'NOT_PINNED' });
}

function watch(request: ClientRequest): void {
  const behindTheProxy = () => reach(isSecure ? 'tls' : 'response');
  // Emitted for HTTP proxies: with a status for CONNECT, without one in absolute form.
  request.on('proxyConnect', ({ statusCode }: { readonly statusCode?: number }) => {
    if (statusCode === undefined || statusCode === 200) behindTheProxy();
    else answer({ kind: 'answered', by: 'proxy', status: statusCode });
  });
  // The only event for SOCKS proxies.
  request.on('proxy', behindTheProxy);
  request.on('socket', (socket) => {
    if (!(socket instanceof TLSSocket)) return;
    socket.once('secureConnect', () => reach('response'));
    socket.once('error', (error: Error) => {
      tlsError ??= error;
      fail(error);
    });
  });
  const answered = (status: number | undefined) => answer({ kind: 'answered', by: 'target', status: status ?? 0 });
  request.on('response', ({ statusCode }) => answered(statusCode));
  request.on('upgrade', ({ statusCode }) => answered(statusCode));
  request.on('error', (error) => fail(tlsError ?? error));
}

function fail(error: Error & { readonly code?: unknown }): void {
  const code = typeof error.code === 'string' ? error.code : null;
  const loginRefused = at === 'proxy' && /authentication failed/i.test(error.message);
  const reason = error.message.slice(0, MAX_REASON_LENGTH);
  answer({ kind: 'failed', at, code, reason, loginRefused });
}

function reach(stage: OpinionStage): void {
  if (at === stage || (at === 'response' && stage === 'tls')) return;
  at = stage;
  post({ kind: 'stage', at });
}

function answer(report: OpinionReport): void {
  post(report);
}

function post(report: OpinionReport): void {
  parentPort?.postMessage(report);
}
