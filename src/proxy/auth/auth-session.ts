// Authentication with one proxy, from the first request of a connection to the verdict: accepted or rejected.
//
// Guarantees: a value that was made from the secret is sent only after the credential guard has permitted and recorded
// it. The guard permits one attempt for each verdict. A rejection ends the session. `auto` never uses a weaker scheme
// than one that worked with this proxy before. It uses Basic only on an encrypted connection, unless the profile allows
// otherwise. If a Kerberos ticket cannot be used, the next scheme is tried by the same rule. The session has no socket:
// it reads heads and returns header values. Its owner must always call `settle` or `unknown`.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { type Account, accountOf } from '#proxy/account.ts';
import type { ResponseHead } from '#proxy/route.ts';
import type { Secret } from '#redaction/secret.ts';
import { type AuthSessionParts, authPeer, type NextStep, offersOf, pickChallenge } from './auth-session-parts.ts';
import type { AuthAttempt } from './permit.ts';
import type { Refusal } from './refusal.ts';
import { authenticatorFor, weakHashesWork } from './schemes/authenticators.ts';
import { type Challenge, readChallenges } from './schemes/challenge.ts';
import { type AvailableMeans, chooseScheme, mayBegin } from './schemes/choose-scheme.ts';
import { type Authenticator, namedScheme, type Reply, type RequestLine, type SchemeName } from './schemes/scheme.ts';
import { type AuthPeer, classifyAuthentication, rejection, unclearRefusal } from './verdict.ts';

/**
 * Requests a permit from the credential guard; waits while another attempt with the same account is under way.
 * @throws CodedError AUTH-REJECTED, AUTH-INTERRUPTED, AUTH-REBIND, AUTH-UNCLEAR; the reason of the signal
 */
export async function openAuthSession(parts: AuthSessionParts): Promise<AuthSession> {
  const { hop, credentialGuard, retryMs, forwardOrigin, signal } = parts;
  const account = accountOf(hop.profile);
  const peer = authPeer(parts, account);
  if (account === null) return new AuthSession(parts, { peer, account, attempt: null });
  const bound = credentialGuard.boundElsewhere(account.password.reveal(), hop.boundTo);
  if (bound !== null) throw coded('AUTH-REBIND', { proxy: hop.name, bound, url: hop.boundTo, hop: hop.place });
  const place = { proxyUrl: hop.url, origin: forwardOrigin ?? '' };
  const held = forwardOrigin === null ? null : credentialGuard.unclear.find(account, place);
  if (held !== null) throw unclearRefusal(peer, { ...place, ...held, status: null, found: 'not tried again yet' });
  const permit = await credentialGuard.requestPermit(account, { proxyUrl: hop.url, retryMs, signal });
  if (permit.kind === 'refused') throw rejection(peer, permit.refusal, { scheme: null, advertised: offersOf(parts) });
  return new AuthSession(parts, { peer, account, attempt: permit.attempt });
}

export class AuthSession {
  readonly peer: AuthPeer;
  readonly #parts: AuthSessionParts;
  readonly #account: Account | null;
  #attempt: AuthAttempt | null;
  #active: Authenticator | null = null;
  /** The scheme whose proof was sent; null before that. */
  #proved: SchemeName | null = null;
  /** Whether the proxy had requested exactly that proof. */
  #wasAskedFor = false;
  /** Whether the proxy requested authentication, and whether it accepted the credential. */
  #wasAsked = false;
  #accepted = false;
  #unclear: ResponseHead | null = null;

  constructor(
    parts: AuthSessionParts,
    made: { readonly peer: AuthPeer; readonly account: Account | null; readonly attempt: AuthAttempt | null },
  ) {
    this.#parts = parts;
    this.peer = made.peer;
    this.#account = made.account;
    this.#attempt = made.attempt;
  }

  /** Whether each request, including the first, can carry its own proof, so that no challenge is needed. */
  get startsAlone(): boolean {
    return this.#parts.hop.profile.authentication === 'transparent' || this.#firstScheme() === 'Basic';
  }

  /** The scheme whose proof was sent; null when none was. */
  get proved(): SchemeName | null {
    return this.#proved;
  }

  /** Whether the proxy accepted the credential. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** Whether the proxy authenticates the connection rather than the request. */
  get connectionBound(): boolean {
    return this.#active?.connectionBound ?? false;
  }

  /** The proof that the first request carries; null when it carries none. */
  begin(line: RequestLine): Promise<Secret | null> {
    return this.#inCode(async () => {
      const scheme = this.#firstScheme();
      if (scheme === null) return null;
      this.#active = await this.#make(scheme);
      const reply = await this.#active.begin(line);
      return reply === null ? null : (await this.#send(reply)).authorization;
    });
  }

  /** Prepares a connection whose requests carry their own proof from the first one on. */
  async readyAlone(): Promise<void> {
    await this.begin({ method: 'GET', target: '' });
  }

  /**
   * Handles a 407 and returns what the next request carries.
   * @throws CodedError AUTH-*, NTLM-CONN: nothing more may be sent
   */
  challenged(head: ResponseHead, line: RequestLine): Promise<NextStep> {
    return this.#inCode(() => this.#answered(head, line));
  }

  async #answered(head: ResponseHead, line: RequestLine): Promise<NextStep> {
    const challenge = await this.#meet(head);
    const active = this.#active as Authenticator;
    const reply = await active.next(challenge, line);
    if (this.#doesWithoutTicket(reply, head)) return await this.#answered(head, line);
    if (reply.kind === 'refused') throw await this.#recordRefusal(head);
    this.#wasAskedFor ||= reply.kind === 'send' && reply.proves;
    return await this.#send(reply);
  }

  /** Whether `auto` continues with the next scheme: the ticket cannot be used, and none has worked here before. */
  #doesWithoutTicket(reply: Reply, head: ResponseHead): boolean {
    const { hop, credentialGuard } = this.#parts;
    if (hop.profile.authentication !== 'auto' || this.#active?.scheme !== 'Negotiate' || reply.kind === 'send')
      return false;
    const means = this.#means();
    const others = chooseScheme(readChallenges(head.rawHeaders), { ...means, ticket: false }).kind;
    // Without the package, act as if the proxy had not offered the scheme, and report what is wrong with the others.
    const absent = reply.kind === 'failed' && reply.error.code === 'NEGOTIATE-UNAVAILABLE';
    if (means.worked === 'Negotiate' || others === 'none' || (others !== 'chosen' && !absent)) return false;
    credentialGuard.rememberTicketless(hop.url);
    this.#active = null;
    this.#proved = null;
    return true;
  }

  /**
   * Handles a 407 for requests of the connection whose lines are not known yet. Returns true if they carry their own
   * proof (`headerFor`); false if the connection must be authenticated first (`challenged`).
   */
  prepare(head: ResponseHead): Promise<boolean> {
    return this.#inCode(async () => {
      const challenge = await this.#meet(head);
      const active = this.#active as Authenticator;
      if (active.connectionBound) return false;
      const error = active.prepare(challenge);
      if (error !== null) throw error;
      await this.#getLeave();
      this.#proved = active.scheme;
      this.#wasAskedFor = true;
      return true;
    });
  }

  /**
   * The proof for one more request; null when none is needed.
   * @throws CodedError AUTH-REJECTED
   */
  headerFor(line: RequestLine): Secret | null {
    const header = this.#active?.headerFor(line) ?? null;
    if (header !== null) this.#expectLeave(this.#attempt?.refusedMeanwhile());
    return header;
  }

  /** An error of a scheme without a code is a defect. It gets a code, and its step is known. */
  async #inCode<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      this.#parts.signal.throwIfAborted();
      throw asCoded(thrown);
    }
  }

  /**
   * The last check before a secret is sent.
   * @throws CodedError AUTH-REJECTED, DISK-FULL, FILE-*
   */
  async #getLeave(): Promise<void> {
    this.#expectLeave(await this.#attempt?.sending());
  }

  #expectLeave(refusal: Refusal | null | undefined): void {
    const advertised = offersOf(this.#parts);
    if (refusal != null) throw rejection(this.peer, refusal, { scheme: null, advertised });
  }

  /** Decides what a 407 means after everything that was sent; a rejection is recorded. */
  classifyRefusal(head: ResponseHead): CodedError {
    const challenges = readChallenges(head.rawHeaders);
    this.#noteOffers(challenges);
    if (this.connectionBound && this.#accepted) {
      const { name: proxy, hop } = this.peer;
      return coded('NTLM-CONN', { proxy, reason: 'it requested authentication twice on one connection', hop });
    }
    const verdict = classifyAuthentication(challenges, this.peer, this.#proved);
    if (verdict.kind === 'failed' && !this.#isTurnedDown(challenges)) return verdict.error;
    if (this.#proved === 'Negotiate') {
      const { name: proxy, address, place: hop } = this.#parts.hop;
      return coded('AUTH-TICKET', { proxy, service: `HTTP@${address}`, reason: 'the proxy refused it', hop });
    }
    const advertised = this.#active?.advertised?.() ?? null;
    if (this.#mayBeTheServers()) return this.#holdUnclear(head);
    return this.#rejected(advertised === null ? challenges.map(({ scheme }) => scheme) : [advertised]);
  }

  /**
   * Whether a server behind the proxy may have sent this refusal. A password that worked at this proxy is not given up
   * for that.
   */
  #mayBeTheServers(): boolean {
    const { credentialGuard, hop, forwardOrigin } = this.#parts;
    return forwardOrigin !== null && this.#account !== null && credentialGuard.hasWorkedAt(this.#account, hop.url);
  }

  #holdUnclear(head: ResponseHead): CodedError {
    this.#unclear = head;
    const { hop, forwardOrigin } = this.#parts;
    const about = { proxyUrl: hop.url, origin: forwardOrigin ?? '', sinceMs: null, retryAtMs: null };
    return unclearRefusal(this.peer, { ...about, status: head.status, found: 'not tried yet' });
  }

  /** A refusal whose sender only a CONNECT can show; the attempt stays pending until then. Null without one. */
  get unclearHead(): ResponseHead | null {
    return this.#unclear;
  }

  /** The same attempt over a CONNECT, to which only the proxy responds. The caller ends it. */
  byConnect(): AuthSession {
    const attempt = this.#attempt;
    this.#attempt = null;
    return new AuthSession(
      { ...this.#parts, forwardOrigin: null },
      { peer: this.peer, account: this.#account, attempt },
    );
  }

  /** The sender of the refusal could not be determined: withholds the password from this origin for a while. */
  async recordUnclear(facts: { readonly status: number; readonly found: string }): Promise<CodedError> {
    const { hop, credentialGuard, forwardOrigin } = this.#parts;
    const place = { proxyUrl: hop.url, origin: forwardOrigin ?? '' };
    const account = this.#account;
    const unclear = account === null ? { sinceMs: null, retryAtMs: null } : credentialGuard.unclear.add(account, place);
    await credentialGuard.flush();
    return unclearRefusal(this.peer, { ...place, ...unclear, ...facts });
  }

  /**
   * Whether the proxy requested a proof of the password, received it, and now requests another scheme. That is a
   * rejection, and does not permit the password in that scheme. If it had not requested the proof, it may never have
   * checked it.
   */
  #isTurnedDown(challenges: readonly Challenge[]): boolean {
    const proved = this.#wasAskedFor ? this.#proved : null;
    return (
      proved !== null && proved !== 'Negotiate' && challenges.length > 0 && pickChallenge(challenges, proved) === null
    );
  }

  /** User and password for a proxy that receives them unencrypted (RFC 1929); null unless the profile says `basic`. */
  get account(): Account | null {
    return this.peer.authentication === 'basic' ? this.#account : null;
  }

  /** The password is sent unencrypted in the next bytes. */
  async showing(): Promise<void> {
    await this.#getLeave();
    this.#proved = 'Basic';
  }

  /** The credential was rejected; on disk before the call returns. */
  async refused(): Promise<CodedError> {
    const error = this.#rejected([]);
    await this.settled();
    return error;
  }

  #rejected(advertised: readonly string[]): CodedError {
    this.#attempt?.rejected();
    const { credentialGuard, retryMs } = this.#parts;
    const refusal = this.#account === null ? null : credentialGuard.refusalOf(this.#account, retryMs);
    return rejection(this.peer, refusal, { scheme: this.#proved, advertised });
  }

  /** Resolves once every verdict so far is on disk, as far as the disk accepts it. */
  settled(): Promise<void> {
    return this.#parts.credentialGuard.settled();
  }

  /** Records a rejection; it is on disk before the call returns. */
  async #recordRefusal(head: ResponseHead): Promise<CodedError> {
    const error = this.classifyRefusal(head);
    await this.settled();
    return error;
  }

  /** The proxy sent a status other than 407; `error` is the failure that it means, or null. */
  settle(error: CodedError | null): void {
    // A refusal for another reason says nothing about the credential, except a denial after the proxy had requested it.
    // A fault of the proxy may be a fault of its directory.
    const taken = error === null || (error.code === 'POLICY-DENIED' && this.#wasAsked);
    if (this.#proved === null || !taken) {
      this.unknown();
      return;
    }
    this.#accepted = true;
    // A ticket says nothing about the password.
    if (this.#proved === 'Negotiate') this.unknown();
    else this.#attempt?.accepted();
    this.#parts.credentialGuard.rememberWorked(this.#parts.hop.url, this.#proved);
  }

  /** The attempt ended without a verdict. */
  unknown(): void {
    if (this.#unclear === null) this.#attempt?.unknown();
  }

  /** The challenge to answer; the scheme is chosen with the first one. */
  async #meet(head: ResponseHead): Promise<Challenge> {
    this.#wasAsked = true;
    const challenges = readChallenges(head.rawHeaders);
    this.#noteOffers(challenges);
    if (this.#isTurnedDown(challenges)) throw await this.#recordRefusal(head);
    const scheme = this.#schemeFor(challenges);
    const own = scheme === null ? null : pickChallenge(challenges, scheme);
    if (scheme === null || own === null) throw await this.#recordRefusal(head);
    if (this.#active?.scheme !== scheme) this.#active = await this.#make(scheme);
    return own;
  }

  /**
   * The scheme to answer with: the current or configured one, else the choice of `auto`.
   * @throws CodedError AUTH-*
   */
  #schemeFor(challenges: readonly Challenge[]): SchemeName | null {
    const { name: proxy, profile, place: hop } = this.#parts.hop;
    if (profile.authentication !== 'auto') return namedScheme(profile.authentication);
    const underWay = this.#active?.scheme ?? null;
    if (underWay !== null && (pickChallenge(challenges, underWay) !== null || challenges.length === 0)) return underWay;
    const choice = chooseScheme(challenges, this.#means());
    const facts = { proxy, offered: challenges.map(({ scheme }) => scheme), hop };
    switch (choice.kind) {
      case 'chosen':
        return choice.scheme;
      case 'downgrade':
        throw coded('AUTH-DOWNGRADE', { ...facts, worked: choice.worked });
      case 'fips':
        throw coded('AUTH-FIPS', { ...facts, scheme: choice.scheme });
      case 'readable':
        throw coded('AUTH-CLEARTEXT', facts);
      case 'none':
        throw coded('AUTH-SCHEME', { ...facts, configured: profile.authentication });
    }
  }

  #means(): AvailableMeans {
    const { credentialGuard, hop } = this.#parts;
    return {
      worked: credentialGuard.remembered(hop.url)?.worked ?? null,
      readable: hop.scheme === 'https' || hop.profile.allow_cleartext === true,
      weakHashes: weakHashesWork(),
      ticket: !credentialGuard.isTicketless(hop.url),
    };
  }

  #noteOffers(challenges: readonly Challenge[]): void {
    if (challenges.length === 0) return;
    this.#parts.credentialGuard.rememberOffers(this.#parts.hop.url, [
      ...new Set(challenges.map(({ scheme }) => scheme)),
    ]);
  }

  /** The scheme to begin with before any challenge; never one that the proxy is known not to offer. */
  #firstScheme(): SchemeName | null {
    const { credentialGuard, hop } = this.#parts;
    const { authentication } = hop.profile;
    const means = this.#means();
    const worked = authentication === 'auto' ? means.worked : null;
    const scheme = worked !== null && mayBegin(worked, means) ? worked : namedScheme(authentication);
    const offers = credentialGuard.remembered(hop.url)?.offers ?? [];
    if (offers.length > 0 && !offers.some((offer) => offer.toLowerCase() === scheme?.toLowerCase())) return null;
    return scheme;
  }

  async #make(scheme: SchemeName): Promise<Authenticator> {
    const { hop, ...parts } = this.#parts;
    const { name: proxy, place, url: proxyUrl } = hop;
    return await authenticatorFor(scheme, { ...parts, account: this.#account, proxy, hop: place, proxyUrl });
  }

  async #send(reply: Reply): Promise<NextStep> {
    if (reply.kind !== 'send') throw reply.kind === 'failed' ? reply.error : coded('INTERNAL', { reason: reply.kind });
    if (reply.proves) {
      const scheme = this.#active?.scheme ?? null;
      if (scheme !== 'Negotiate') await this.#getLeave();
      this.#proved = scheme;
    }
    return reply;
  }
}
