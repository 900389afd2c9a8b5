// Compares the result of an ordinary Node client with the result of Sallyport's own client. Pure.

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

type OpinionVerdict = Pick<SecondOpinion, 'outcome' | 'says'>;

const REQUIRES_LOGIN = 407;

/** Compares both. */
export function compareOpinion(own: OwnResult, opinion: OpinionResult, withheld: Withheld): OpinionVerdict {
  if (isStatus(opinion, REQUIRES_LOGIN) && withheld.account !== null && ownStatus(own) !== REQUIRES_LOGIN) {
    return { outcome: 'not asked', says: `No second opinion: the proxy requires a login, and ${withheld.account}.` };
  }
  return own.failure === null
    ? compareWithSuccess(own, opinion, withheld)
    : compareWithFailure(own, own.failure, opinion);
}

function compareWithSuccess(own: OwnResult, opinion: OpinionResult, { secrets }: Withheld): OpinionVerdict {
  const isThrough = opinion.kind === 'answered' && opinion.by === 'target';
  if (!isThrough) return verdict('fails', 'fails where Sallyport gets through', { why: whyOf(opinion) });
  const { status } = opinion;
  if (status < 400 || status === own.status) return verdict('same', 'gets through as well ({status})', { status });
  if (own.forwarded) return verdict('fails', 'gets {status} where Sallyport gets through', { status });
  const without = secrets.length === 0 ? '' : ', without {secrets:words}';
  return verdict('same', `reaches the server as well ({status}${without})`, { status, secrets: secrets.join(' and ') });
}

function compareWithFailure(own: OwnResult, failure: CodedError, opinion: OpinionResult): OpinionVerdict {
  const at = stageOf(failure.trace?.phase);
  const status = ownStatus(own);
  if (opinion.kind !== 'answered') {
    return opinion.at === at ? sameStage(opinion) : verdict('differs', 'fails differently', { why: whyOf(opinion) });
  }
  const isSamePlace = own.forwarded || (opinion.by === 'proxy') === (at === 'proxy');
  if (isSamePlace && opinion.status === status) return verdict('same', 'gets the same {status}', { status });
  const isThrough = opinion.by === 'target' && (opinion.status < 400 || (!own.forwarded && at !== 'response'));
  if (isThrough) return THROUGH;
  return verdict('differs', 'fails differently', { why: whyOf(opinion) });
}

const THROUGH: OpinionVerdict = {
  outcome: 'gets through',
  says: 'An ordinary Node client gets through: please report this as a bug in Sallyport.',
};

/** It succeeded, and so did ours on a second attempt. */
export const INTERMITTENT: OpinionVerdict = {
  outcome: 'recovered',
  says: 'An ordinary Node client gets through, and so did Sallyport when it tried again: the failure is intermittent.',
};

/** No client was started. `why` is a clause of ours. */
export function noOpinion(why: string): OpinionVerdict {
  return { outcome: 'not asked', says: `No second opinion: ${why}.` };
}

function sameStage(opinion: Exclude<OpinionResult, { kind: 'answered' }>): OpinionVerdict {
  const why = whyOf(opinion);
  if (opinion.at === 'proxy') return verdict('same', 'does not get past the proxy either', { why });
  if (opinion.kind === 'late') return verdict('same', 'gets no answer either', { why });
  const isCertificate = opinion.at === 'tls' && CERTIFICATE.test(opinion.code ?? '');
  if (isCertificate) return verdict('same', 'rejects the certificate of the server as well', { why });
  return verdict('same', 'fails at the same stage', { why });
}

/** Node's codes for a certificate that it does not accept, and the thread's code for a missing pinned key. */
const CERTIFICATE = /CERT|UNABLE_TO|ISSUER|SELF_SIGNED|NOT_PINNED|HOSTNAME/;

function whyOf(opinion: OpinionResult): string {
  if (opinion.kind === 'late') return fillTemplate('no answer within {limit:ms}', { limit: opinion.timeoutMs });
  if (opinion.kind === 'failed') return fillTemplate('{reason}', { reason: opinion.code ?? opinion.reason });
  const by = opinion.by === 'proxy' ? 'the proxy answered {status}' : 'the server answered {status}';
  return fillTemplate(by, { status: opinion.status });
}

function isStatus(opinion: OpinionResult, status: number): boolean {
  return opinion.kind === 'answered' && opinion.status === status;
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
function verdict(
  outcome: OpinionVerdict['outcome'],
  predicate: string,
  { why, ...facts }: Parameters<typeof fillTemplate>[1],
): OpinionVerdict {
  const sentence = fillTemplate(`An ordinary Node client ${predicate}`, facts);
  return { outcome, says: typeof why === 'string' ? `${sentence}: ${why}.` : `${sentence}.` };
}
