// Compares the result of an ordinary Node client with ours. Pure.

import type { CodedError } from '#errors/coded-error.ts';
import type { ConnectPhase } from '#errors/connect-trace.ts';
import { fillTemplate } from '#errors/template.ts';
import type { SecondOpinion } from './report.ts';
import type { OpinionStage } from './second-opinion-question.ts';
import type { OpinionResult } from './witness.ts';

/** The result of our own request. */
export interface OwnResult {
  readonly failure: CodedError | null;
  /** Of the last response to it; null without one. */
  readonly status: number | null;
  /** Whether the proxy received the absolute form, so that the response may be the proxy's. */
  readonly forwarded: boolean;
}

/** The secrets that the other client was not given. */
export interface Withheld {
  /** Why it did not get the profile's account; null when it got it, or when there is none. */
  readonly account: string | null;
  /** Keys of headers and tokens for the server. */
  readonly secrets: readonly string[];
}

type Said = Pick<SecondOpinion, 'outcome' | 'says'>;

const REQUIRES_LOGIN = 407;

/** Compares both. */
export function compareOpinion(own: OwnResult, seen: OpinionResult, withheld: Withheld): Said {
  if (isStatus(seen, REQUIRES_LOGIN) && withheld.account !== null && ownStatus(own) !== REQUIRES_LOGIN) {
    return { outcome: 'not asked', says: `No second opinion: the proxy requires a login, and ${withheld.account}.` };
  }
  return own.failure === null ? besideSuccess(own, seen, withheld) : besideFailure(own, own.failure, seen);
}

function besideSuccess(own: OwnResult, seen: OpinionResult, { secrets }: Withheld): Said {
  const isThrough = seen.kind === 'answered' && seen.by === 'target';
  if (!isThrough) return say('fails', 'fails where Sallyport gets through', { why: whyOf(seen) });
  const { status } = seen;
  if (status < 400 || status === own.status) return say('same', 'gets through as well ({status})', { status });
  if (own.forwarded) return say('fails', 'gets {status} where Sallyport gets through', { status });
  const without = secrets.length === 0 ? '' : ', without {secrets:words}';
  return say('same', `reaches the server as well ({status}${without})`, { status, secrets: secrets.join(' and ') });
}

function besideFailure(own: OwnResult, failure: CodedError, seen: OpinionResult): Said {
  const at = stageOf(failure.trace?.phase);
  const status = ownStatus(own);
  if (seen.kind !== 'answered') {
    return seen.at === at ? sameStage(seen) : say('differs', 'fails differently', { why: whyOf(seen) });
  }
  const isSamePlace = own.forwarded || (seen.by === 'proxy') === (at === 'proxy');
  if (isSamePlace && seen.status === status) return say('same', 'gets the same {status}', { status });
  const isThrough = seen.by === 'target' && (seen.status < 400 || (!own.forwarded && at !== 'response'));
  if (isThrough) return THROUGH;
  return say('differs', 'fails differently', { why: whyOf(seen) });
}

const THROUGH: Said = {
  outcome: 'gets through',
  says: 'An ordinary Node client gets through: please report this as a bug in Sallyport.',
};

/** It succeeded, and so did ours on a second attempt. */
export const RECOVERED: Said = {
  outcome: 'recovered',
  says: 'An ordinary Node client gets through, and so did Sallyport when it tried again: the failure is intermittent.',
};

/** No client was started. `why` is a clause of ours. */
export function noOpinion(why: string): Said {
  return { outcome: 'not asked', says: `No second opinion: ${why}.` };
}

function sameStage(seen: Exclude<OpinionResult, { kind: 'answered' }>): Said {
  const why = whyOf(seen);
  if (seen.at === 'proxy') return say('same', 'does not get past the proxy either', { why });
  if (seen.kind === 'late') return say('same', 'gets no answer either', { why });
  const isCertificate = seen.at === 'tls' && CERTIFICATE.test(seen.code ?? '');
  if (isCertificate) return say('same', 'rejects the certificate of the server as well', { why });
  return say('same', 'fails at the same stage', { why });
}

/** Node's codes for a certificate that it does not accept, and the thread's code for a missing pinned key. */
const CERTIFICATE = /CERT|UNABLE_TO|ISSUER|SELF_SIGNED|NOT_PINNED|HOSTNAME/;

function whyOf(seen: OpinionResult): string {
  if (seen.kind === 'late') return fillTemplate('no answer within {limit:ms}', { limit: seen.timeoutMs });
  if (seen.kind === 'failed') return fillTemplate('{reason}', { reason: seen.code ?? seen.reason });
  const by = seen.by === 'proxy' ? 'the proxy answered {status}' : 'the server answered {status}';
  return fillTemplate(by, { status: seen.status });
}

function isStatus(seen: OpinionResult, status: number): boolean {
  return seen.kind === 'answered' && seen.status === status;
}

/** The status that ended our request, from the proxy or the server. */
function ownStatus({ failure, status }: OwnResult): number | null {
  if (failure === null) return status;
  const named = failure.facts['status'];
  if (typeof named === 'number') return named;
  if (/^(?:AUTH|NTLM|NEGOTIATE)-/.test(failure.code)) return REQUIRES_LOGIN;
  return stageOf(failure.trace?.phase) === 'response' ? status : null;
}

/** Null for a failure before anything was sent. */
function stageOf(phase: ConnectPhase | undefined): OpinionStage | null {
  switch (phase) {
    case 'resolve':
    case 'dial':
    case 'proxy_tls':
    case 'tunnel':
    case 'authentication':
      return 'proxy';
    case 'tls':
      return 'tls';
    case 'request':
    case 'response':
      return 'response';
    case 'choice':
    case undefined:
      return null;
  }
}

/** `why` is a clause that has already been formatted. */
function say(outcome: Said['outcome'], predicate: string, { why, ...facts }: Parameters<typeof fillTemplate>[1]): Said {
  const said = fillTemplate(`An ordinary Node client ${predicate}`, facts);
  return { outcome, says: typeof why === 'string' ? `${said}: ${why}.` : `${said}.` };
}
