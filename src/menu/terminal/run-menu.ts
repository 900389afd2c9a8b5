// Runs the menu on a terminal. Keys and results of changes go to the state machine. Its frames go to the screen, and
// the actions that it requests go to the ports.
//
// Guarantees: there is one change at a time. If the terminal is lost or the process must stop, a running test is
// aborted and nothing is saved. The settings of the terminal are restored at the end. Relies on ports that never reject
// a change.

import { asCoded } from '#errors/coded-error.ts';
import { layoutFor } from '#menu/model/display.ts';
import type { Key } from '#menu/model/keys.ts';
import type { MenuEffect, MenuEvent, MenuState, MenuWindow, SizeName, TriedStage } from '#menu/model/screens.ts';
import { stepMenu } from '#menu/model/step.ts';
import type { PinAttempts } from '#menu/pin-attempts.ts';
import type { MenuPorts } from '#menu/ports.ts';
import { frameOf } from '#menu/view/frame.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { KeyReader } from './key-reader.ts';
import { ScreenWriter } from './screen-writer.ts';

/** The terminal. */
interface MenuTerminal {
  write(text: string): void;
  /** Delivers each key press without echo. `onEnd`: the terminal is gone. Returns how to end that. */
  keys(onBytes: (bytes: Uint8Array) => void, onEnd: () => void): () => void;
  /** Whether it cannot move the cursor (TERM=dumb). */
  readonly isDumb: boolean;
  readonly isAscii: boolean;
  /** Its size now; null if it is not known. */
  window(): MenuWindow | null;
  /** Calls back when its size has changed. Returns how to end that. */
  onResize(listener: () => void): () => void;
}

export interface MenuOptions {
  readonly terminal: MenuTerminal;
  readonly ports: MenuPorts;
  readonly attempts: PinAttempts;
  readonly clock: Clock;
  readonly size: SizeName;
  readonly gateways: readonly string[];
  /** Aborted when the process has to end. */
  readonly signal: AbortSignal;
}

/** How long an escape character may be the start of a sequence, in milliseconds. A slow serial line needs about 20. */
const ESCAPE_MS = 100;
/** After this time without a key, everything that was entered is forgotten, and the menu is locked. */
const IDLE_MS = 300_000;

/** Shows the menu until its user leaves it, the terminal is gone, or the signal is aborted. */
export async function runMenu(options: MenuOptions): Promise<void> {
  await new Menu(options).run();
}

class Menu {
  readonly #options: MenuOptions;
  readonly #writer: ScreenWriter;
  readonly #reader = new KeyReader();
  readonly #over = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  /** Aborted to cancel the running change. */
  #changing = new AbortController();
  #state: MenuState;
  #running: Promise<unknown> = Promise.resolve();
  #idle: Timer | null = null;
  #escape: Timer | null = null;

  constructor(options: MenuOptions) {
    const { terminal, size, gateways } = options;
    this.#options = options;
    this.#writer = new ScreenWriter((text) => terminal.write(text), { isDumb: terminal.isDumb });
    const display = { chosen: size, window: terminal.window() };
    this.#state = {
      ...display,
      size: layoutFor(display),
      isAscii: terminal.isAscii || size === '16x2',
      gateways,
      facts: null,
      outcome: { kind: 'unknown' },
      screen: { kind: 'waiting' },
      draft: null,
    };
  }

  async run(): Promise<void> {
    const { terminal, signal } = this.#options;
    const stopKeys = terminal.keys(
      (bytes) => this.#onBytes(bytes),
      () => this.#dispatch({ kind: 'key', key: { kind: 'interrupt' } }),
    );
    const stopResizing = terminal.onResize(() => this.#onResize());
    const stopListening = onAbort(signal, () => this.#over.resolve());
    try {
      this.#show();
      this.#restartIdle();
      this.#perform({ kind: 'look', pin: null });
      await this.#over.promise;
    } finally {
      this.#ending.abort(signal.reason);
      this.#changing.abort(signal.reason);
      this.#idle?.cancel();
      this.#escape?.cancel();
      stopListening();
      stopResizing();
      // A change that is being written is completed.
      await this.#running;
      this.#writer.end();
      stopKeys();
    }
  }

  #onResize(): void {
    this.#writer.forget();
    this.#dispatch({ kind: 'resized', window: this.#options.terminal.window() });
  }

  #onBytes(bytes: Uint8Array): void {
    this.#escape?.cancel();
    this.#onKeys(this.#reader.read(bytes));
    if (!this.#reader.isPending) return;
    this.#escape = this.#options.clock.after(ESCAPE_MS, () => this.#onKeys(this.#reader.flush()), 'the key Esc');
  }

  #onKeys(keys: readonly Key[]): void {
    // Keys that follow Ctrl-C must not start a timer, which would keep the process.
    if (this.#ending.signal.aborted) return;
    if (keys.length > 0) this.#restartIdle();
    for (const key of keys) this.#dispatch({ kind: 'key', key });
  }

  #restartIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.#options.clock.after(
      IDLE_MS,
      () => {
        this.#dispatch({ kind: 'idle' });
        this.#restartIdle();
      },
      'a key at the menu',
    );
  }

  #dispatch(event: MenuEvent): void {
    if (this.#ending.signal.aborted) return;
    const { state, effects } = stepMenu(this.#state, event);
    this.#state = state;
    this.#show();
    for (const effect of effects) this.#perform(effect);
  }

  #show(): void {
    this.#writer.show(frameOf(this.#state));
  }

  #perform(effect: MenuEffect): void {
    const { ports } = this.#options;
    switch (effect.kind) {
      case 'look':
        this.#running = Promise.all([this.#running, this.#look(effect.pin)]);
        return;
      case 'change':
        this.#changing = new AbortController();
        this.#running = Promise.all([this.#running, this.#change(effect)]);
        return;
      case 'activate':
        this.#changing = new AbortController();
        this.#running = Promise.all([this.#running, this.#activate(effect.key)]);
        return;
      case 'cancel':
        this.#changing.abort();
        return;
      case 'lock':
        ports.lock();
        return;
      case 'quit':
        this.#over.resolve();
    }
  }

  async #look(pin: string | null): Promise<void> {
    const { ports, attempts } = this.#options;
    try {
      const waitMs = pin === null ? 0 : await attempts.begin();
      if (waitMs > 0) {
        this.#dispatch({ kind: 'locked', note: `WAIT ${Math.ceil(waitMs / 1_000)} SECONDS` });
        return;
      }
      const look = await ports.look(pin, this.#ending.signal);
      if (look.kind === 'locked') {
        this.#dispatch({ kind: 'locked', note: look.isWrong ? 'WRONG PIN' : '' });
        return;
      }
      if (pin !== null) await attempts.succeed();
      this.#dispatch({ kind: 'facts', facts: look.facts, outcome: look.outcome });
    } catch (thrown) {
      const { code, safeText: message, check } = asCoded(thrown);
      this.#dispatch({ kind: 'unavailable', failure: { code, message, check } });
    }
  }

  async #change({ direction, facts, draft, saveAnyway }: Extract<MenuEffect, { kind: 'change' }>): Promise<void> {
    const onStage = (stage: TriedStage) => this.#dispatch({ kind: 'stage', stage });
    const order = { direction, facts, draft, saveAnyway };
    const result = await this.#options.ports.change(order, onStage, this.#changing.signal);
    this.#dispatch({ kind: 'changed', result });
  }

  async #activate(key: string): Promise<void> {
    const result = await this.#options.ports.activate(key, this.#changing.signal);
    this.#dispatch({ kind: 'activated', result });
  }
}
