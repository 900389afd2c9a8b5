// The proxies that a PAC file names for a target: a `CandidateSource` for profiles whose scheme is pac.
//
// Guarantees: the file learns the scheme, host and port of an https target and no more; an answer stands for five minutes,
// as long as the file is the same; a file that is broken is passed over for the last one that was of use, and that is said;
// nothing but a proxy or DIRECT in so many words is ever made of an answer, least of all a direct connection. User and
// password go only to proxies that `credentials_for` matches.

import { matchNoProxy } from '#config/values/no-proxy.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import {
  bindingOf,
  type Candidate,
  type CandidateRequest,
  type CandidateSource,
  makeHop,
  withoutAccount,
} from '#proxy/hop.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { reportOf } from '#proxy/purpose-report.ts';
import type { Reason } from '#proxy/reason.ts';
import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { type Directive, readPacAnswer, wordsOf } from './directives.ts';
import type { PacOutcome } from './evaluate.ts';
import { lookUps } from './look-up.ts';
import { type PacFetch, PacScript, type PacText } from './script.ts';

export interface PacParts {
  readonly clock: Clock;
  readonly report: Report;
  readonly fetch: PacFetch;
  /** How long a file may think about one question, look-ups included. */
  readonly limitMs?: number;
}

/** How long an answer stands, in milliseconds: a PAC file may go by the time of day. */
export const ANSWER_MS = 300_000;
const LIMIT_MS = 5_000;
/** Answers that are kept for each file. */
const MAX_ANSWERS = 256;

/** Files that are remembered, each of up to 1 MiB: twice as many as a configuration names, since others are only tried. */
export const MAX_PAC_FILES = 128;

/** What a file is asked. */
interface Question {
  readonly url: string;
  readonly host: string;
}

interface Answer {
  /** Of the text that was read when it was given. */
  readonly digest: string;
  readonly directives: readonly Directive[];
  readonly untilMs: number;
}

/** One PAC file and what is known of it. */
interface Place {
  readonly script: PacScript;
  /** The last text that gave an answer of use. */
  good: PacText | null;
  /** Whether it was told that the text cannot be renewed. */
  told: boolean;
  readonly answers: Map<string, Answer>;
}

/** One request for candidates. */
interface Asked {
  readonly place: Place;
  readonly profile: ProxyProfile;
  readonly question: Question;
  /** Whether names may be resolved here. */
  readonly resolves: boolean;
}

/** One for the process: what is known of a file outlives a change of the configuration. */
export class PacCandidates {
  readonly #parts: PacParts;
  readonly #places = new NewestMap<string, Place>(MAX_PAC_FILES);

  constructor(parts: PacParts) {
    this.#parts = parts;
  }

  /** The same under settings that allow or forbid to resolve the names of targets here. */
  source({ proxy_required }: { readonly proxy_required: boolean }): CandidateSource {
    const askedOf = (profile: ProxyProfile, target: URL): Asked => ({
      place: this.#placeOf(profile),
      profile,
      question: questionOf(target),
      resolves: !proxy_required,
    });
    return {
      candidatesFor: async (profile, target, request) => {
        const asked = askedOf(profile, target);
        return candidatesOf(await this.#directives(asked, request), asked);
      },
      knownCandidates: (profile, target) => {
        const asked = askedOf(profile, target);
        const known = asked.place.answers.get(keyOf(asked));
        return known === undefined ? null : candidatesOf(known.directives, asked);
      },
    };
  }

  #placeOf({ pac = {} }: ProxyProfile): Place {
    const key = pac.url ?? pac.file ?? '';
    const known = this.#places.get(key);
    const place = known ?? this.#newPlace(pac);
    this.#places.set(key, place);
    return place;
  }

  #newPlace(pac: NonNullable<ProxyProfile['pac']>): Place {
    const script = new PacScript(pac, this.#parts);
    return { script, good: null, told: false, answers: new NewestMap(MAX_ANSWERS) };
  }

  /** @throws CodedError PAC-UNAVAILABLE, PAC-SYNTAX, PAC-FAILED, PAC-ANSWER, PAC-TIMEOUT */
  async #directives(asked: Asked, request: CandidateRequest): Promise<readonly Directive[]> {
    const { place, profile } = asked;
    const { clock } = this.#parts;
    const report = reportOf(request.purpose, this.#parts.report);
    const { stale, ...text } = await place.script.read(profile.name, request);
    if (stale !== null && !place.told) report({ name: 'pac-kept', where: place.script.where, error: stale });
    place.told = stale !== null;
    const key = keyOf(asked);
    const known = place.answers.get(key);
    if (known?.digest === text.digest && clock.monotonic() < known.untilMs) return known.directives;
    const directives = await this.#askOrKeep(text, asked, request);
    place.answers.set(key, { digest: text.digest, directives, untilMs: clock.monotonic() + ANSWER_MS });
    report({
      name: 'pac-answered',
      where: place.script.where,
      ways: directives.map(wordsOf),
      url: shown(asked.question),
    });
    return directives;
  }

  /** Asks this text; where it is of no use, the last one that was. */
  async #askOrKeep(text: PacText, asked: Asked, request: CandidateRequest): Promise<readonly Directive[]> {
    const { place } = asked;
    try {
      const directives = await this.#ask(text, asked, request);
      place.good = text;
      return directives;
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || place.good === null || place.good.digest === text.digest) throw thrown;
      reportOf(request.purpose, this.#parts.report)({ name: 'pac-kept', where: place.script.where, error: thrown });
      return await this.#ask(place.good, asked, request);
    }
  }

  async #ask({ text }: PacText, asked: Asked, request: CandidateRequest): Promise<readonly Directive[]> {
    const { profile, place, question, resolves } = asked;
    const { clock, limitMs = LIMIT_MS } = this.#parts;
    const report = reportOf(request.purpose, this.#parts.report);
    const { where } = place.script;
    const facts = { where, proxy: profile.name, url: shown(question) };
    const names = lookUps(resolves);
    const { askPac } = await import('./evaluate.ts');
    const outcome = await askPac({
      ...question,
      script: text,
      lookUp: names.lookUp,
      limitMs,
      clock,
      signal: request.signal,
      late: (elapsed) => coded('PAC-TIMEOUT', { ...facts, elapsed }),
    });
    if (names.withheld.size > 0) report({ name: 'pac-names-withheld', where, names: [...names.withheld] });
    const { directives, leftOut } = readPacAnswer(textOf(outcome, facts));
    if (directives.length === 0) throw coded('PAC-ANSWER', { ...facts, answer: leftOut.join('; ') || 'nothing' });
    if (leftOut.length > 0) report({ name: 'pac-left-out', where, parts: leftOut });
    return directives;
  }
}

/** The text of an answer. @throws CodedError PAC-SYNTAX, PAC-FAILED, PAC-ANSWER */
function textOf(outcome: PacOutcome, facts: { readonly where: string; readonly proxy: string; readonly url: string }) {
  switch (outcome.kind) {
    case 'answered':
      return outcome.text;
    case 'no-text':
      throw coded('PAC-ANSWER', { ...facts, answer: outcome.type });
    case 'broken':
      throw coded('PAC-SYNTAX', { ...facts, line: outcome.line, reason: outcome.reason });
    case 'failed':
      throw coded('PAC-FAILED', { ...facts, reason: outcome.reason });
  }
}

function keyOf({ resolves, question }: Asked): string {
  return `${resolves} ${question.url}`;
}

/** What a file is told: for TLS no path and no query; a WebSocket is asked for as what carries it. */
function questionOf(target: URL): Question {
  const encrypted = target.protocol === 'https:' || target.protocol === 'wss:';
  const origin = `${encrypted ? 'https' : 'http'}://${target.host}`;
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url: encrypted ? `${origin}/` : `${origin}${target.pathname}${target.search}`, host };
}

function candidatesOf(directives: readonly Directive[], { place, profile, question }: Asked): readonly Candidate[] {
  const answer = directives.map(wordsOf);
  const reason: Reason = { kind: 'pac', where: place.script.where, answer, url: shown(question) };
  return directives.map((directive) => candidateOf(directive, profile, reason));
}

/** A query is for the file alone: it may hold anything. */
function shown({ url }: Question): string {
  return url.replace(/\?.*$/s, '');
}

function candidateOf(directive: Directive, profile: ProxyProfile, reason: Reason): Candidate {
  if (directive.kind === 'direct') return { kind: 'direct', reasons: [reason, { kind: 'pac direct' }] };
  const { scheme, host: address, port } = directive;
  const token = matchNoProxy(profile.pac?.credentials_for ?? '', { host: address, port });
  const boundTo = bindingOf(profile);
  const hop = makeHop(token === null ? withoutAccount(profile) : profile, {
    scheme,
    address,
    port,
    isAccountWithheld: token === null && profile.user !== undefined,
    ...(boundTo === null ? {} : { boundTo }),
  });
  return { kind: 'proxy', hop, reasons: [reason] };
}
