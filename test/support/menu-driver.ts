// A person at the menu, who presses keys and sees frames. The model runs without a terminal, and a test gives the
// results of its actions.

import type { ProxyFacts } from '#changes/proxy/facts.ts';
import type { Key } from '#menu/model/keys.ts';
import type { MenuEffect, MenuEvent, MenuState, SizeName } from '#menu/model/screens.ts';
import { stepMenu } from '#menu/model/step.ts';
import { frameOf } from '#menu/view/frame.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';

export type KeyName = Exclude<Key['kind'], 'text' | 'paste'>;

/** The facts of a fresh appliance: no proxy. */
export function someFacts(over: Partial<ProxyFacts> = {}): ProxyFacts {
  return {
    file: '/etc/sallyport/sallyport.yaml',
    digest: 'a'.repeat(64),
    proxy_enabled: true,
    proxy_required: false,
    use_proxy_for: {
      updates: 'default',
      support_logs: 'default',
      exposure_analytics: 'default',
      platform: 'default',
      telemetry: 'default',
    },
    proxies: [],
    ...over,
  };
}

/** A default profile. */
export function aProfile(over: Partial<ProxyFacts['proxies'][number]> = {}): ProxyFacts['proxies'][number] {
  return {
    name: 'corp',
    scheme: 'http',
    address: 'proxy.example.com',
    port: 3_128,
    authentication: 'basic',
    user: 'svc',
    domain: null,
    has_password: true,
    default: true,
    ...over,
  };
}

export class MenuDriver {
  state: MenuState;
  /** Key presses so far. */
  presses = 0;
  /** What the menu wanted done, in order. */
  readonly effects: MenuEffect[] = [];
  /** Every frame so far, as text. */
  readonly screens: string[] = [];

  constructor(size: SizeName, over: Partial<MenuState> = {}) {
    this.state = {
      size,
      chosen: size,
      window: null,
      isAscii: size === '16x2',
      gateways: ['10.9.2.1'],
      facts: null,
      outcome: { kind: 'unknown' },
      screen: { kind: 'waiting' },
      draft: null,
      ...over,
    };
  }

  /** A menu that shows SETUP NETWORK. */
  static at(facts: ProxyFacts, size: SizeName = '80x24', outcome: Outcome = { kind: 'unknown' }): MenuDriver {
    const driver = new MenuDriver(size);
    driver.send({ kind: 'facts', facts, outcome });
    return driver;
  }

  send(event: MenuEvent): this {
    const { state, effects } = stepMenu(this.state, event);
    this.state = state;
    this.effects.push(...effects);
    this.screens.push(this.screen);
    return this;
  }

  press(...names: readonly KeyName[]): this {
    for (const kind of names) {
      this.presses += 1;
      this.send({ kind: 'key', key: { kind } });
    }
    return this;
  }

  type(text: string): this {
    for (const character of text) {
      this.presses += 1;
      this.send({ kind: 'key', key: { kind: 'text', text: character } });
    }
    return this;
  }

  paste(text: string): this {
    return this.send({ kind: 'key', key: { kind: 'paste', text } });
  }

  /** The rows of the display, without those that are empty or only a rule. */
  get rows(): readonly string[] {
    return frameOf(this.state)
      .lines.map((line) => line.trim())
      .filter((line) => !/^-*$/.test(line));
  }

  get screen(): string {
    return frameOf(this.state).lines.join('\n');
  }

  /** The last effect of a kind. */
  last<K extends MenuEffect['kind']>(kind: K): Extract<MenuEffect, { kind: K }> {
    const found = this.effects.findLast((one) => one.kind === kind);
    if (found === undefined) throw new Error(`the menu did nothing of the kind ${kind}`);
    return found as Extract<MenuEffect, { kind: K }>;
  }
}
