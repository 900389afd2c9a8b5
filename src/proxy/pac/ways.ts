// The proxies that a PAC file names for a target: a `WaySource` for profiles whose scheme is pac.
//
// Guarantees: the file learns the scheme, host and port of an https target and no more; an answer stands for five minutes,
// as long as the file is the same; a file that is broken is passed over for the last one that was of use, and that is said;
// nothing but a proxy or DIRECT in so many words is ever made of an answer, least of all a direct connection. User and
// password go only to proxies that `credentials_for` matches.

import { lookup } from 'node:dns';
import { matchNoProxy } from '#config/no-proxy.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { ProxyProfile } from '#proxy/choice.ts';
import { makeHop, type Way, type WaySource, withoutAccount } from '#proxy/hop.ts';
import type { Clock } from '#system/clock.ts';
import { type Directive, readPacAnswer, wordsOf } from './directives.ts';
import { askPac, type PacOutcome } from './evaluate.ts';
import { type PacFetch, PacScript, type PacText } from './script.ts';

export interface PacParts {
  readonly clock: Clock;
  readonly report: Report;
  readonly fetch: PacFetch;
  readonly limitMs?: number;
}

/** How long an answer stands, in milliseconds: a PAC file may go by the time of day. */
export const ANSWER_MS = 300_000;
/** How long a file may think about one question, look-ups included, in milliseconds. */
const LIMIT_MS = 5_000;
/** Answers that are kept for each file. */
const MOST_ANSWERS = 256;
/** So many names are looked up for one question. */
const MOST_LOOK_UPS = 64;

/** What a file is asked. */
interface Question {
  readonly url: string;
  readonly host: string;
}

/** One PAC file and what is known of it. */
interface Place {
  readonly script: PacScript;
  /** The last text that gave an answer of use. */
  good: PacText | null;
  /** The failure to renew the text that was told already. */
  told: CodedError | null;
  readonly answers: Map<string, { readonly directives: readonly Directive[]; readonly untilMs: number }>;
}

/** One request for ways. */
interface Asked {
  readonly place: Place;
  readonly profile: ProxyProfile;
  readonly question: Question;
  /** Whether names may be resolved here. */
  readonly resolves: boolean;
  readonly signal: AbortSignal;
}

/** One for the process: what is known of a file outlives a change of the configuration. */
export class PacWays {
  readonly #parts: PacParts;
  readonly #places = new Map<string, Place>();

  constructor(parts: PacParts) {
    this.#parts = parts;
  }

  /** The same under settings that allow or forbid to resolve the names of targets here. */
  source({ proxy_required }: { readonly proxy_required: boolean }): WaySource {
    return {
      waysFor: async (profile, target, signal) => {
        const place = this.#placeOf(profile);
        const question = questionOf(target);
        const asked = { place, profile, question, resolves: !proxy_required, signal };
        const directives = await this.#directives(asked);
        const listed = directives.map(wordsOf).join('; ');
        const reason = `PAC ${place.script.where} answered ${listed} for ${question.url}`;
        return directives.map((directive) => wayOf(directive, profile, reason));
      },
    };
  }

  #placeOf({ pac = {} }: ProxyProfile): Place {
    const key = pac.url ?? pac.file ?? '';
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place: Place = { script: new PacScript(pac, this.#parts), good: null, told: null, answers: new Map() };
    this.#places.set(key, place);
    return place;
  }

  /** @throws CodedError PAC-UNAVAILABLE, PAC-SYNTAX, PAC-FAILED, PAC-ANSWER, PAC-TIMEOUT */
  async #directives(asked: Asked): Promise<readonly Directive[]> {
    const { place, profile, question, resolves } = asked;
    const { stale, ...text } = await place.script.read(profile.name, asked.signal);
    if (stale !== null && stale !== place.told)
      this.#parts.report({ name: 'pac-kept', where: place.script.where, error: stale });
    place.told = stale;
    const key = `${text.digest} ${resolves} ${question.url}`;
    const { clock } = this.#parts;
    const known = place.answers.get(key);
    if (known !== undefined && clock.monotonic() < known.untilMs) return known.directives;
    const directives = await this.#askOrKeep(text, asked);
    place.answers.delete(key);
    place.answers.set(key, { directives, untilMs: clock.monotonic() + ANSWER_MS });
    for (const oldest of place.answers.keys()) {
      if (place.answers.size <= MOST_ANSWERS) break;
      place.answers.delete(oldest);
    }
    return directives;
  }

  /** Asks this text; where it is of no use, the last one that was. */
  async #askOrKeep(text: PacText, asked: Asked): Promise<readonly Directive[]> {
    const { place } = asked;
    try {
      const directives = await this.#ask(text, asked);
      place.good = text;
      return directives;
    } catch (thrown) {
      if (!(thrown instanceof CodedError) || place.good === null || place.good.digest === text.digest) throw thrown;
      this.#parts.report({ name: 'pac-kept', where: place.script.where, error: thrown });
      return await this.#ask(place.good, asked);
    }
  }

  async #ask({ text }: PacText, asked: Asked): Promise<readonly Directive[]> {
    const { profile, place, question, signal } = asked;
    const { clock, report, limitMs = LIMIT_MS } = this.#parts;
    const { where } = place.script;
    const facts = { where, proxy: profile.name, url: question.url };
    const withheld: string[] = [];
    const outcome = await askPac({
      ...question,
      script: text,
      lookUp: lookUps(asked.resolves ? null : withheld),
      limitMs,
      clock,
      signal,
      late: (elapsed) => coded('PAC-TIMEOUT', { ...facts, elapsed }),
    });
    if (withheld.length > 0) report({ name: 'pac-names-withheld', where, names: [...new Set(withheld)] });
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

/** What a file is told: for TLS no path and no query; a WebSocket is asked for as what carries it. */
function questionOf(target: URL): Question {
  const encrypted = target.protocol === 'https:' || target.protocol === 'wss:';
  const origin = `${encrypted ? 'https' : 'http'}://${target.host}`;
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url: encrypted ? `${origin}/` : `${origin}${target.pathname}${target.search}`, host };
}

function wayOf(directive: Directive, profile: ProxyProfile, reason: string): Way {
  if (directive.kind === 'direct') return { kind: 'direct', reasons: [reason, 'the PAC answered DIRECT'] };
  const { scheme, host: address, port } = directive;
  const trusted = profile.pac?.credentials_for ?? '';
  const token = matchNoProxy(trusted, { host: address, port });
  const shown = token === null ? withoutAccount(profile) : profile;
  const reasons = token === null ? [reason] : [reason, `pac.credentials_for has the token ${token}`];
  const hop = makeHop(shown, { scheme, address, port, boundTo: boundTo(trusted) });
  return { kind: 'proxy', hop, reasons };
}

/** What the secret of such a profile is bound to: the proxies that may see it, whoever names them. */
export function boundTo(trusted: string): string {
  return `pac.credentials_for: ${trusted}`;
}

/** Looks names up, or only notes them down. */
function lookUps(withheld: string[] | null): (name: string) => Promise<string | null> {
  let left = MOST_LOOK_UPS;
  return (name) => {
    left -= 1;
    if (left < 0) return Promise.resolve(null);
    if (withheld !== null) {
      withheld.push(name);
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      lookup(name, { family: 4 }, (error, address) => resolve(error === null ? address : null));
    });
  };
}
