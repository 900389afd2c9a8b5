// The state of the menu: the current screen and the answers so far. Types only.

import type { ProxyFacts } from '#changes/proxy/facts.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import type { ProxyAnswers, ShownValues } from './answers.ts';
import type { FieldState } from './field.ts';
import type { Key } from './keys.ts';

/** The two sizes of a display, in columns and rows. */
export const SIZES = { '80x24': { columns: 80, rows: 24 }, '16x2': { columns: 16, rows: 2 } } as const;
export type SizeName = keyof typeof SIZES;

/** Columns and rows of a terminal. */
export interface MenuWindow {
  readonly columns: number;
  readonly rows: number;
}

/** What a display is: the size that was chosen with `--size`, and the window; null if the terminal does not report it. */
export interface DisplayFacts {
  readonly chosen: SizeName;
  readonly window: MenuWindow | null;
}

/** A failure in the words of its catalogue entry. */
export interface FailureView {
  readonly code: string;
  readonly message: string;
  readonly check: string;
}

/** An item of SETUP NETWORK. */
export type SetupItem = 'ENABLE PROXY' | 'CHANGE PROXY PARAMS' | 'DISABLE PROXY' | 'USER LOGIN';

/** What a failed change offers. */
export const FAILURE_ITEMS = ['TRY AGAIN', 'KEEP AND EDIT', 'REVERT', 'SAVE ANYWAY'] as const;

/** The fields of CONFIG PROXY PARAMETERS, in their order. */
export const PROXY_FIELDS = ['host', 'port', 'user', 'password'] as const;
export type ProxyFieldName = (typeof PROXY_FIELDS)[number];

/** What is being changed. */
export type Direction = 'enable' | 'disable';

/** The screens. `ups` counts presses of Up without another key between them. */
export type MenuScreen =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'pin'; readonly field: FieldState; readonly note: string; readonly isChecking: boolean }
  | { readonly kind: 'setup'; readonly index: number }
  | { readonly kind: 'config'; readonly ups: number }
  | { readonly kind: 'field'; readonly field: FieldState }
  | { readonly kind: 'gateway' }
  | { readonly kind: 'really'; readonly direction: Direction; readonly ups: number }
  /** A text. ENTER leads to `next`. */
  | {
      readonly kind: 'notice';
      readonly title: string;
      readonly text: string;
      readonly top: number;
      readonly next: MenuScreen;
    }
  | {
      readonly kind: 'working';
      readonly direction: Direction;
      readonly saveAnyway: boolean;
      readonly stages: readonly TriedStage[];
      readonly isCancelled: boolean;
    }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'failed'; readonly direction: Direction; readonly failure: FailureView; readonly top: number }
  | {
      readonly kind: 'choices';
      readonly direction: Direction;
      readonly failure: FailureView;
      readonly index: number;
    }
  | { readonly kind: 'outcome'; readonly outcome: Outcome; readonly top: number }
  | { readonly kind: 'activation'; readonly field: FieldState }
  | { readonly kind: 'activating'; readonly isCancelled: boolean };

/** A stage of the trial that has ended. */
export interface TriedStage {
  readonly stage: string;
  readonly purpose: string;
  /** The code of its failure; null if it passed. */
  readonly code: string | null;
}

/** What was entered for the proxy and is not saved. */
export interface ProxyDraft {
  readonly shown: ShownValues;
  readonly answers: ProxyAnswers;
  /** Whether the user accepted to send the password readable. */
  readonly inClear: boolean;
}

export interface MenuState extends DisplayFacts {
  /** The layout that fits. */
  readonly size: SizeName;
  /** Whether the display has only ASCII. */
  readonly isAscii: boolean;
  /** The default gateways of this host. */
  readonly gateways: readonly string[];
  /** Null until they are read. */
  readonly facts: ProxyFacts | null;
  readonly outcome: Outcome;
  readonly screen: MenuScreen;
  readonly draft: ProxyDraft | null;
}

/** The result of a change. */
export type ChangeResult =
  /** `note` says what else the user must know, such as that no daemon runs. */
  | { readonly kind: 'made'; readonly outcome: Outcome; readonly note: string | null }
  | { readonly kind: 'failed'; readonly failure: FailureView }
  | { readonly kind: 'cancelled' };

/** What happens to the menu. */
export type MenuEvent =
  | { readonly kind: 'key'; readonly key: Key }
  /** The menu is locked. `note` says how long until the next attempt, or that the last one was wrong. */
  | { readonly kind: 'locked'; readonly note: string }
  | { readonly kind: 'facts'; readonly facts: ProxyFacts; readonly outcome: Outcome }
  /** The facts could not be read, or another request failed. */
  | { readonly kind: 'unavailable'; readonly failure: FailureView }
  | { readonly kind: 'stage'; readonly stage: TriedStage }
  | { readonly kind: 'changed'; readonly result: ChangeResult }
  | { readonly kind: 'activated'; readonly result: ChangeResult }
  /** No key was pressed for a long time. */
  | { readonly kind: 'idle' }
  /** The terminal has another size now. */
  | { readonly kind: 'resized'; readonly window: MenuWindow | null };

/** What the menu wants done. */
export type MenuEffect =
  /** Read the facts; `pin` unlocks the menu. */
  | { readonly kind: 'look'; readonly pin: string | null }
  | {
      readonly kind: 'change';
      readonly direction: Direction;
      readonly facts: ProxyFacts;
      readonly draft: ProxyDraft | null;
      readonly saveAnyway: boolean;
    }
  | { readonly kind: 'activate'; readonly key: string }
  | { readonly kind: 'cancel' }
  /** Forget the PIN that was entered. */
  | { readonly kind: 'lock' }
  | { readonly kind: 'quit' };

export interface MenuStep {
  readonly state: MenuState;
  readonly effects: readonly MenuEffect[];
}
