// The interfaces that the menu needs. The model and the terminal use only these interfaces.

import type { ProxyFacts } from '#changes/proxy/facts.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import type { ChangeResult, Direction, ProxyDraft, TriedStage } from './model/screens.ts';

/** What the menu shows, or that it is locked. */
export type MenuLook =
  | { readonly kind: 'locked'; readonly isWrong: boolean }
  | { readonly kind: 'seen'; readonly facts: ProxyFacts; readonly outcome: Outcome };

/** A change that was confirmed with ENTER. */
export interface ChangeOrder {
  readonly direction: Direction;
  /** The facts that the user saw. */
  readonly facts: ProxyFacts;
  /** Null if no parameter was entered. */
  readonly draft: ProxyDraft | null;
  readonly saveAnyway: boolean;
}

export interface MenuPorts {
  /**
   * A right PIN is remembered until `lock`, and used for later looks. @throws CodedError if the settings cannot be read
   */
  look(pin: string | null, signal: AbortSignal): Promise<MenuLook>;
  /** Forgets the PIN. */
  lock(): void;
  /** Tests the change and saves it if the test passes; `onStage` gets each stage when it has ended. Never throws. */
  change(order: ChangeOrder, onStage: (stage: TriedStage) => void, signal: AbortSignal): Promise<ChangeResult>;
  /** Activates this host with a key. Never throws. */
  activate(key: string, signal: AbortSignal): Promise<ChangeResult>;
}
