// Finds the proxies that a PAC file names for a target, for profiles with the scheme `pac`. It is a `CandidateSource`.
//
// Guarantees: for an https target the file gets only scheme, host and port. A result is reused for five minutes while
// the file is unchanged. If the file becomes invalid, its last valid version is used, and this is logged. Only proxies
// and DIRECT in a result are used, and an invalid result never causes a direct connection. User and password are sent
// only to proxies that `credentials_for` matches.

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
  /** Time limit for one evaluation in milliseconds, including look-ups. */
  readonly limitMs?: number;
}

/** How long a result is reused, in milliseconds: a PAC file may depend on the time of day. */
export const ANSWER_MS = 300_000;
const LIMIT_MS = 5_000;
/** Maximum number of results kept for each file. */
const MAX_ANSWERS = 256;

/**
 * Maximum number of remembered files, each of up to 1 MiB: twice as many as a configuration can name, because others
 * are only tried.
 */
export const MAX_PAC_FILES = 128;

/** The input of a file. */
interface Question {
  readonly url: string;
  readonly host: string;
}

interface Answer {
  /** Digest of the text that gave the result. */
  readonly digest: string;
  readonly directives: readonly Directive[];
  readonly untilMs: number;
}

/** One PAC file and its state. */
interface PacFile {
  readonly script: PacScript;
  /** The last text that gave a usable result. */
  good: PacText | null;
  /** Whether it was logged that the text cannot be refreshed. */
  isReported: boolean;
  readonly answers: Map<string, Answer>;
}

/** One request for candidates. */
interface PacQuery {
  readonly pacFile: PacFile;
  readonly profile: ProxyProfile;
  readonly question: Question;
  /** Whether names may be resolved on this host. */
  readonly resolves: boolean;
}

/** One for the process: the state of a file outlives a change of the configuration. */
export class PacCandidates {
  readonly #parts: PacParts;
  readonly #files = new NewestMap<string, PacFile>(MAX_PAC_FILES);

  constructor(parts: PacParts) {
    this.#parts = parts;
  }

  /** A source for settings that allow or forbid resolving target names on this host. */
  source({ proxy_required }: { readonly proxy_required: boolean }): CandidateSource {
    const queryOf = (profile: ProxyProfile, target: URL): PacQuery => ({
      pacFile: this.#fileOf(profile),
      profile,
      question: questionOf(target),
      resolves: !proxy_required,
    });
    return {
      candidatesFor: async (profile, target, request) => {
        const query = queryOf(profile, target);
        return candidatesOf(await this.#directives(query, request), query);
      },
      knownCandidates: (profile, target) => {
        const query = queryOf(profile, target);
        const known = query.pacFile.answers.get(keyOf(query));
        return known === undefined ? null : candidatesOf(known.directives, query);
      },
    };
  }

  #fileOf({ pac = {} }: ProxyProfile): PacFile {
    const key = pac.url ?? pac.file ?? '';
    const known = this.#files.get(key);
    const pacFile = known ?? this.#newFile(pac);
    this.#files.set(key, pacFile);
    return pacFile;
  }

  #newFile(pac: NonNullable<ProxyProfile['pac']>): PacFile {
    const script = new PacScript(pac, this.#parts);
    return { script, good: null, isReported: false, answers: new NewestMap(MAX_ANSWERS) };
  }

  /** @throws CodedError PAC-UNAVAILABLE, PAC-SYNTAX, PAC-FAILED, PAC-ANSWER, PAC-TIMEOUT */
  async #directives(query: PacQuery, request: CandidateRequest): Promise<readonly Directive[]> {
    const { pacFile, profile } = query;
    const { clock } = this.#parts;
    const report = reportOf(request.purpose, this.#parts.report);
    const { stale, ...text } = await pacFile.script.read(profile.name, request);
    if (stale !== null && !pacFile.isReported) report({ name: 'pac-kept', where: pacFile.script.where, error: stale });
    pacFile.isReported = stale !== null;
    const key = keyOf(query);
    const known = pacFile.answers.get(key);
    if (known?.digest === text.digest && clock.monotonic() < known.untilMs) return known.directives;
    const directives = await this.#evaluateOrKeep(text, query, request);
    pacFile.answers.set(key, { digest: text.digest, directives, untilMs: clock.monotonic() + ANSWER_MS });
    report({
      name: 'pac-answered',
      where: pacFile.script.where,
      ways: directives.map(wordsOf),
      url: shown(query.question),
    });
    return directives;
  }

  /** Evaluates this text; if it is unusable, the last usable one. */
  async #evaluateOrKeep(text: PacText, query: PacQuery, request: CandidateRequest): Promise<readonly Directive[]> {
    const { pacFile } = query;
    try {
      const directives = await this.#evaluate(text, query, request);
      pacFile.good = text;
      return directives;
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || pacFile.good === null || pacFile.good.digest === text.digest) throw thrown;
      reportOf(request.purpose, this.#parts.report)({ name: 'pac-kept', where: pacFile.script.where, error: thrown });
      return await this.#evaluate(pacFile.good, query, request);
    }
  }

  async #evaluate({ text }: PacText, query: PacQuery, request: CandidateRequest): Promise<readonly Directive[]> {
    const { profile, pacFile, question, resolves } = query;
    const { clock, limitMs = LIMIT_MS } = this.#parts;
    const report = reportOf(request.purpose, this.#parts.report);
    const { where } = pacFile.script;
    const facts = { where, proxy: profile.name, url: shown(question) };
    const names = lookUps(resolves);
    const { evaluatePac } = await import('./evaluate.ts');
    const outcome = await evaluatePac({
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

/**
 * The text of a result.
 * @throws CodedError PAC-SYNTAX, PAC-FAILED, PAC-ANSWER
 */
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

function keyOf({ resolves, question }: PacQuery): string {
  return `${resolves} ${question.url}`;
}

/** The input for a target: without path and query for TLS; a WebSocket becomes the scheme that carries it. */
function questionOf(target: URL): Question {
  const encrypted = target.protocol === 'https:' || target.protocol === 'wss:';
  const origin = `${encrypted ? 'https' : 'http'}://${target.host}`;
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url: encrypted ? `${origin}/` : `${origin}${target.pathname}${target.search}`, host };
}

function candidatesOf(
  directives: readonly Directive[],
  { pacFile, profile, question }: PacQuery,
): readonly Candidate[] {
  const answer = directives.map(wordsOf);
  const reason: Reason = { kind: 'pac', where: pacFile.script.where, answer, url: shown(question) };
  return directives.map((directive) => candidateOf(directive, profile, reason));
}

/** Removes the query, which may contain anything and is only for the file. */
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
