// A link over real sockets with a clock that only the test advances, so that no test waits for a ping or a retry.

import type { SallyportEvent } from '#logging/events.ts';
import { reportFor } from '#logging/scoped.ts';
import { type LinkPorts, type LinkSettings, type LinkState, PlatformLink } from '#platform/link/link.ts';
import type { Phase } from '#platform/link/machine.ts';
import type { AgentMessage, PlatformMessage } from '#platform/messages.ts';
import type { Router } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

export const HELLO: AgentMessage = {
  v: 1,
  type: 'hello',
  id: 'h-1',
  agent: { id: 'agent-1', version: '1.0.0' },
  after: 0,
  last: null,
  activation: 'activated',
  report: null,
};
/** Longest wait of a test for something that has to happen, also on a busy machine. */
const AMPLE_MS = 15_000;
const INTERVAL_MS = 21_875;

export interface LinkRig {
  readonly link: PlatformLink;
  readonly clock: FakeClock;
  readonly events: SallyportEvent[];
  readonly messages: PlatformMessage[];
  /** The states in the order in which they came: `connecting connecting`, `connected websocket`, `waiting TCP-REFUSED`. */
  readonly states: string[];
  /** The transitions of the machine: `connecting upgrading`. */
  readonly transitions: Set<string>;
  settings: LinkSettings;
  /** Answers to each message. */
  receive: LinkPorts['receive'];
  /** Waits until the state is of this kind, or another condition holds. */
  until(condition: LinkState['kind'] | (() => boolean)): Promise<LinkState>;
  /** Lets this time pass in intervals between pings, with something from the platform in each. */
  live(ms: number, push: (message: unknown) => void): Promise<void>;
  /** Lets the wait for the next attempt pass. */
  retry(): void;
  /** Names of the events of the link, without those of the network. */
  said(): string[];
}

/** A link that is not started yet. */
export function linkRig(url: URL, router: Router, more: Partial<LinkPorts & LinkSettings> = {}): LinkRig {
  const clock = new FakeClock();
  const events: SallyportEvent[] = [];
  const messages: PlatformMessage[] = [];
  const states: string[] = [];
  const transitions = new Set<string>();
  let phase: Phase = 'off';
  const { mode = 'websocket', pingMs = 25_000 } = more;
  const settings: LinkSettings = {
    url,
    mode,
    pingMs,
    responseTimeoutMs: 30_000,
    responseTimeoutKey: 'response_timeout.base_ms',
  };
  const link = new PlatformLink({
    router,
    clock,
    connectionClock: clock,
    random: () => 0.5,
    report: reportFor({ purpose: 'platform', thread: 'Platform' }, (event) => events.push(event)),
    settings: () => rig.settings,
    headers: () => ({ 'user-agent': 'Sallyport/test' }),
    signer: () => null,
    hello: () => Promise.resolve(HELLO),
    receive: (message) => {
      messages.push(message);
      return rig.receive(message);
    },
    ...more,
  });
  const note = () => {
    const now = phaseOf(link.state);
    if (now !== phase) transitions.add(`${phase} ${now}`);
    phase = now;
    const shown = shownState(link.state);
    if (shown !== states.at(-1)) states.push(shown);
  };
  link.onChange(note);
  const rig: LinkRig = {
    link,
    clock,
    events,
    messages,
    states,
    transitions,
    settings,
    receive: () => Promise.resolve([]),
    until: (condition) => untilState(link, condition),
    live: async (ms, push) => {
      for (let passedMs = 0; passedMs < ms; passedMs += INTERVAL_MS) {
        const before = messages.length;
        clock.advance(INTERVAL_MS);
        push({ v: 1, type: 'result-ack', id: `r-${passedMs}`, command: 'none' });
        await rig.until(() => messages.length > before);
      }
    },
    retry: () => {
      const { state } = link;
      if (state.kind === 'waiting') clock.advance(state.untilMs - clock.now() + 1);
    },
    said: () => events.map(({ name }) => name).filter((name) => name.startsWith('platform-')),
  };
  return rig;
}

function phaseOf(state: LinkState): Phase {
  return state.kind === 'off' || state.kind === 'waiting' ? state.kind : state.phase;
}

function shownState(state: LinkState): string {
  if (state.kind === 'connecting') return `connecting ${state.phase}`;
  if (state.kind === 'connected') return `connected ${state.over}`;
  return state.kind === 'waiting' ? `waiting ${state.failure?.code ?? 'after an end'}` : state.kind;
}

async function untilState(link: PlatformLink, wanted: LinkState['kind'] | (() => boolean)): Promise<LinkState> {
  const holds = () => (typeof wanted === 'function' ? wanted() : link.state.kind === wanted);
  const deadline = systemClock.monotonic() + AMPLE_MS;
  while (!holds()) {
    if (systemClock.monotonic() > deadline) throw new Error(`the link stayed ${shownState(link.state)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return link.state;
}
