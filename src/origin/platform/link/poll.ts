// Long polling: answers `POST /link` with the waiting commands. If there are none, it holds the request until there is
// one.
//
// Guarantees: a command is repeated in each response until the agent has acknowledged it, because a response can be
// lost. Only one request of an agent is held at a time. A new request ends the previous one.

import { type JsonReply, problemOf, type ServedExchange } from '#origin/reply.ts';
import { agentOf, mediaTypeOf } from '#origin/uploads/upload-headers.ts';
import { type Clock, wait } from '#system/clock.ts';
import { misorder } from './faults.ts';
import type { LinkParts } from './link-parts.ts';
import { contentOf, type LinkSession } from './sessions.ts';
import { type FromAgent, type Hello, LINK_FORMAT, type PlatformContent, platformMessage, readPoll } from './wire.ts';

/** Of one response; the others follow in the next one. */
const MAX_COMMANDS = 100;
/** An agent without a request for this time is not connected. */
const GONE_AFTER_MS = 90_000;
const SECONDS_UNTIL_RESTARTED = 5;
const SECONDS_UNTIL_ROOM = 600;

type Held = 'command' | 'replaced' | 'closing' | 'time' | 'disconnected';

export class PollLinks {
  readonly #parts: LinkParts;
  readonly #sessions = new Map<string, PollSession>();
  #isClosing = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Answers a poll whose sender is known, if it was signed. @throws CodedError FILE-*, DISK-FULL */
  async answer(exchange: ServedExchange, body: string, signer: string | null): Promise<JsonReply> {
    const refused = this.#refuse(exchange);
    if (refused !== null) return refused;
    const poll = readPoll(body);
    if ('problem' in poll) return problemOf({ status: 400, detail: `The body is not a poll: ${poll.problem}.` });
    const hello = poll.messages.find((one) => one.type === 'hello');
    const agent = signer ?? (agentOf(exchange.request.headers) || hello?.agent.id);
    if (agent === undefined) return problemOf({ status: 400, detail: 'Send the header Sallyport-Agent, or a hello.' });
    if (hello !== undefined && hello.agent.id !== agent) {
      return problemOf({ status: 403, detail: 'The hello names another agent than the request.' });
    }
    const { sessions, needsSignature } = this.#parts;
    // The request did not name its agent in a header, where this was checked.
    if (signer === null && needsSignature(agent)) return problemOf({ status: 401, detail: 'Sign the request.' });
    if (!sessions.accepts(agent)) return retryLater(503, SECONDS_UNTIL_ROOM, 'No more agents are accepted here.');
    // This server was set up again, or restored from a backup.
    if (hello === undefined && !sessions.knows(agent)) return problemOf({ status: 409, detail: 'Send a hello first.' });
    const session = this.#sessionOf(agent);
    const replies = await this.#receive(session, poll.messages);
    const held = replies.length > 0 ? 'command' : await this.#hold(session, poll.waitSeconds, exchange);
    if (held === 'closing') return retryLater(503, SECONDS_UNTIL_RESTARTED, 'The server is stopping.');
    return this.#reply(session, replies);
  }

  /** Answers all held requests, and every later one, with 503. */
  end(): void {
    this.#isClosing = true;
    for (const session of this.#sessions.values()) session.release('closing');
  }

  #refuse({ request }: ServedExchange): JsonReply | null {
    const { refusePoll } = this.#parts.faults.now;
    if (refusePoll !== null) return retryLater(refusePoll.status, refusePoll.retryAfterSeconds, 'A fault of a test.');
    // A page in a user's browser cannot send this type without a preflight request, which is refused.
    const isJson = mediaTypeOf(request.headers) === 'application/json' && !('content-encoding' in request.headers);
    if (!isJson) return problemOf({ status: 415, detail: 'Send application/json without Content-Encoding.' });
    return this.#isClosing ? retryLater(503, SECONDS_UNTIL_RESTARTED, 'The server is stopping.') : null;
  }

  #sessionOf(agent: string): PollSession {
    const known = this.#sessions.get(agent);
    if (known !== undefined) return known;
    const { clock, sessions } = this.#parts;
    const session: PollSession = new PollSession(agent, clock, () => {
      if (this.#sessions.get(agent) === session) this.#sessions.delete(agent);
      // Without an effect if the agent has opened a WebSocket.
      void sessions.leave(session);
    });
    this.#sessions.set(agent, session);
    return session;
  }

  async #receive(session: PollSession, messages: readonly FromAgent[]): Promise<PlatformContent[]> {
    const { sessions } = this.#parts;
    session.release('replaced');
    await sessions.adopt(session);
    const replies: PlatformContent[] = [];
    for (const message of messages) {
      replies.push(...(await this.#receiveOne(session, message)));
    }
    return replies;
  }

  async #receiveOne(session: PollSession, message: FromAgent): Promise<readonly PlatformContent[]> {
    const { sessions } = this.#parts;
    if (message.type === 'ack' && message.after >= session.sent) session.received = session.sent;
    if (message.type !== 'hello') return await sessions.receive(session, message);
    session.begin();
    return await sessions.enter(session, message satisfies Hello);
  }

  async #hold(session: PollSession, seconds: number, { response }: ServedExchange): Promise<Held> {
    const { sessions } = this.#parts;
    if (sessions.commandsAfter(session.agent, session.received).length > 0) return 'command';
    return await session.hold(seconds * 1_000, response);
  }

  #reply(session: PollSession, replies: readonly PlatformContent[]): JsonReply {
    const { sessions, nextMessageId, faults } = this.#parts;
    const { agent } = session;
    session.touch();
    const commands = sessions.commandsAfter(agent, session.received).slice(0, MAX_COMMANDS);
    session.sent = commands.at(-1)?.seq ?? session.sent;
    const all = [...replies, ...misorder(commands.map(contentOf), faults.now)];
    const messages: unknown[] = all.map((content) => platformMessage(content, nextMessageId()));
    const { raw } = faults.now;
    if (typeof raw === 'string' && replies.some(({ type }) => type === 'welcome')) messages.push(raw);
    return { status: 200, body: { v: LINK_FORMAT, messages } };
  }
}

class PollSession implements LinkSession {
  readonly over = 'poll';
  readonly agent: string;
  /** The highest number in a response of this session. */
  sent = 0;
  /** The highest number that the agent has acknowledged in this session. */
  received = 0;
  readonly #clock: Clock;
  readonly #timer: ReturnType<Clock['after']>;
  readonly #onGone: () => void;
  #held: ((why: Held) => void) | null = null;

  constructor(agent: string, clock: Clock, onGone: () => void) {
    this.agent = agent;
    this.#clock = clock;
    this.#onGone = onGone;
    this.#timer = clock.after(GONE_AFTER_MS, () => {
      if (this.#held === null) onGone();
      else this.touch();
    });
  }

  /** A `hello`: every command without a final result is sent again. */
  begin(): void {
    this.sent = 0;
    this.received = 0;
  }

  /** The agent has been heard of. */
  touch(): void {
    this.#timer.restart();
  }

  wake(): void {
    this.release('command');
  }

  replace(): void {
    this.release('replaced');
    this.#timer.cancel();
    this.#onGone();
  }

  /** Ends the held request, if there is one. */
  release(why: Held): void {
    this.#held?.(why);
  }

  async hold(ms: number, response: ServedExchange['response']): Promise<Held> {
    const ended = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Held>();
    // Two polls may have arrived together, so that the later one found nothing to end.
    this.release('replaced');
    this.#held = resolve;
    const gone = () => resolve('disconnected');
    response.once('close', gone);
    wait(this.#clock, ms, ended.signal).then(
      () => resolve('time'),
      () => undefined,
    );
    const why = await promise;
    ended.abort();
    response.off('close', gone);
    if (this.#held === resolve) this.#held = null;
    return why;
  }
}

function retryLater(status: number, seconds: number | undefined, detail: string): JsonReply {
  return problemOf({ status, detail, headers: seconds === undefined ? {} : { 'Retry-After': seconds } });
}
