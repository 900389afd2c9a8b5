// The keys that the menu knows. `terminal/key-reader.ts` converts the bytes of a terminal to these keys.

/** A key, or text from the keyboard or the clipboard. */
export type Key =
  | { readonly kind: 'up' | 'down' | 'left' | 'right' | 'enter' | 'escape' | 'backspace' | 'delete' | 'home' | 'end' }
  /** Ctrl-C, Ctrl-D, or the end of the input. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'text'; readonly text: string }
  /** Text between the marks of a bracketed paste. It never acts as ENTER. */
  | { readonly kind: 'paste'; readonly text: string };
