// Some screens have a text that can be scrolled. This file breaks it into lines of the display. Pure.

import { wrapWords } from '#errors/template.ts';
import { outcomeText } from '#platform/outcome/outcome.ts';
import { bodyRows } from './display.ts';
import { type MenuScreen, type MenuState, SIZES } from './screens.ts';

/** A screen with a text that Up and Down scroll. */
export type TextScreen = Extract<MenuScreen, { readonly top: number }>;

/** Columns that a text has on the large display, inside its margins. */
const LARGE_COLUMNS = 74;

type Shown = Pick<MenuState, 'size' | 'isAscii' | 'window'>;

/** Columns and rows that a text has. */
function textArea({ size, window }: Pick<Shown, 'size' | 'window'>): {
  readonly columns: number;
  readonly rows: number;
} {
  return size === '16x2' ? SIZES['16x2'] : { columns: LARGE_COLUMNS, rows: bodyRows(window) };
}

/** All lines of a text screen. */
function linesOf(state: Shown, screen: TextScreen): readonly string[] {
  const { columns } = textArea(state);
  const { size, isAscii } = state;
  return paragraphsOf(screen, { isAscii, isSmall: size === '16x2' }).flatMap((text) => wrapText(text, columns));
}

/** The lines that the display shows now. */
export function visibleLines(state: Shown, screen: TextScreen): readonly string[] {
  return linesOf(state, screen).slice(screen.top, screen.top + textArea(state).rows);
}

/** The last line that may be at the top of the display. */
export function lastTop(state: Shown, screen: TextScreen): number {
  return Math.max(0, linesOf(state, screen).length - textArea(state).rows);
}

/** Lines of at most `columns` characters. A longer word, such as a long host name, is broken. */
export function wrapText(text: string, columns: number): string[] {
  return wrapWords(text, columns).flatMap((line) => {
    const parts: string[] = [];
    for (let at = 0; at < line.length; at += columns) parts.push(line.slice(at, at + columns));
    return parts.length === 0 ? [''] : parts;
  });
}

interface Display {
  readonly isAscii: boolean;
  readonly isSmall: boolean;
}

function paragraphsOf(screen: TextScreen, { isAscii, isSmall }: Display): readonly string[] {
  switch (screen.kind) {
    case 'notice':
      return isSmall ? [screen.title, screen.text] : [screen.text];
    case 'failed': {
      const { code, message, check } = screen.failure;
      return [`[${code}]`, message, check, KEPT].filter((one) => one !== '');
    }
    case 'outcome': {
      const { outcome } = screen;
      const text = outcomeText(outcome, { ascii: isAscii });
      // Name and address do not fit into one line of the small display.
      const address = outcome.kind === 'connected' ? outcome.address : null;
      const isSplit = isSmall && address !== null && text.length > SIZES['16x2'].columns;
      return isSplit ? [text.slice(0, -address.length), address] : [text];
    }
  }
}

const KEPT = 'The previous settings remain in effect.';
