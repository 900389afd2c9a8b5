// Converts the bytes of a terminal to keys: VT100 and xterm sequences for the arrows, UTF-8 text, and bracketed paste.
//
// Guarantees: a sequence or a character that arrives in several parts is joined. An unknown sequence is ignored
// completely and never read as text. The use of memory is limited.

import { StringDecoder } from 'node:string_decoder';
import type { Key } from '#menu/model/keys.ts';

const ESC = '\u001b';
const PASTE_END = `${ESC}[201~`;
/** Maximum length of a paste, in characters. A longer one is refused by the field, because no field is that long. */
const MAX_PASTE = 4_096;
/** Maximum length of an unknown sequence, in characters. */
const MAX_SEQUENCE = 32;

/** CSI (ECMA-48, 5.4) or SS3, without the escape character. */
const SEQUENCE = /^(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|O[\x40-\x7e])/;

const SEQUENCES: Readonly<
  Record<string, Key['kind'] & ('up' | 'down' | 'left' | 'right' | 'home' | 'end' | 'delete')>
> = {
  '[A': 'up',
  OA: 'up',
  '[B': 'down',
  OB: 'down',
  '[C': 'right',
  OC: 'right',
  '[D': 'left',
  OD: 'left',
  '[H': 'home',
  OH: 'home',
  '[1~': 'home',
  '[F': 'end',
  OF: 'end',
  '[4~': 'end',
  '[3~': 'delete',
};

/** Control characters. Ctrl-P, N, B and F are the arrows for keyboards without them. */
const CONTROLS: Readonly<Record<string, Key>> = {
  '\r': { kind: 'enter' },
  '\n': { kind: 'enter' },
  '\u007f': { kind: 'backspace' },
  '\b': { kind: 'backspace' },
  '\u0003': { kind: 'interrupt' },
  '\u0004': { kind: 'interrupt' },
  '\u0010': { kind: 'up' },
  '\u000e': { kind: 'down' },
  '\u0002': { kind: 'left' },
  '\u0006': { kind: 'right' },
  '\u0001': { kind: 'home' },
  '\u0005': { kind: 'end' },
};

export class KeyReader {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  /** The text of a paste so far; null outside of a paste. */
  #paste: string | null = null;

  /** Whether the last bytes may be the start of a sequence: without more bytes, `flush` takes them as Esc. */
  get isPending(): boolean {
    return this.#paste === null && this.#rest !== '';
  }

  /** The keys that these bytes complete. */
  read(bytes: Uint8Array): Key[] {
    this.#rest += this.#decoder.write(Buffer.from(bytes));
    const keys: Key[] = [];
    for (;;) {
      const key = this.#paste === null ? this.#next() : this.#nextOfPaste();
      if (key === null) return keys;
      if (key !== 'ignored') keys.push(key);
    }
  }

  /** No more bytes have arrived: a lone escape character is the key Esc. */
  flush(): Key[] {
    if (!this.isPending) return [];
    const isEscape = this.#rest === ESC;
    this.#rest = '';
    return isEscape ? [{ kind: 'escape' }] : [];
  }

  #next(): Key | 'ignored' | null {
    const rest = this.#rest;
    const first = rest.codePointAt(0);
    if (first === undefined) return null;
    if (rest.startsWith(ESC)) return this.#sequence(rest);
    const character = String.fromCodePoint(first);
    const control = CONTROLS[character];
    if (control !== undefined) return this.#take(character.length, control);
    if (first < 0x20) return this.#take(1, first === 0x09 ? { kind: 'text', text: character } : 'ignored');
    return this.#take(character.length, { kind: 'text', text: character });
  }

  #sequence(rest: string): Key | 'ignored' | null {
    const after = rest.slice(1);
    if (after === '') return null;
    // Esc twice, or Esc and a key: some terminals send the second form for Alt.
    if (!/^[[O]/.test(after)) return this.#take(1, { kind: 'escape' });
    const [sequence] = SEQUENCE.exec(after) ?? [];
    if (sequence === undefined) return after.length > MAX_SEQUENCE ? this.#take(rest.length, 'ignored') : null;
    if (sequence === '[200~') {
      this.#paste = '';
      return this.#take(1 + sequence.length, 'ignored');
    }
    const kind = SEQUENCES[sequence];
    return this.#take(1 + sequence.length, kind === undefined ? 'ignored' : { kind });
  }

  #nextOfPaste(): Key | null {
    const end = this.#rest.indexOf(PASTE_END);
    // The end mark may be split.
    const length = end === -1 ? Math.max(0, this.#rest.length - PASTE_END.length + 1) : end;
    const paste = `${this.#paste ?? ''}${this.#rest.slice(0, length)}`.slice(0, MAX_PASTE);
    this.#rest = this.#rest.slice(end === -1 ? length : end + PASTE_END.length);
    this.#paste = end === -1 ? paste : null;
    return end === -1 ? null : { kind: 'paste', text: paste };
  }

  #take<T>(length: number, key: T): T {
    this.#rest = this.#rest.slice(length);
    return key;
  }
}
