// Makes configuration files in unusual styles from a seed. Every byte is known, so a test knows the result of an edit
// without the code that edits.

import { seeded } from './crashing-files.ts';

/** A piece of the file, and what it belongs to, such as `port:1` (a value) or `entry:1` (its lines). */
interface Piece {
  readonly text: string;
  readonly belongs: readonly string[];
}

/** A file made of pieces. */
export class OddFile {
  readonly #pieces: readonly Piece[];
  readonly eol: string;

  constructor(pieces: readonly Piece[], eol: string) {
    this.#pieces = pieces;
    this.eol = eol;
  }

  get text(): string {
    return this.#render((piece) => piece.text);
  }

  /** The file with another value in one place. */
  withValue(name: string, text: string): string {
    return this.#render((piece) => (piece.belongs.includes(name) ? text : piece.text));
  }

  /** The file without the lines of something. */
  without(name: string): string {
    return this.#render((piece) => (piece.belongs.includes(name) ? '' : piece.text));
  }

  has(name: string): boolean {
    return this.#pieces.some(({ belongs }) => belongs.includes(name));
  }

  #render(show: (piece: Piece) => string): string {
    return this.#pieces.map(show).join('').replaceAll('\n', this.eol);
  }
}

export const ODD_NAMES = ['alpha', 'beta', 'gamma'] as const;

/** Makes the file of a seed. Three profiles, of which the first is the default; the other sections may be anything. */
export function oddFile(seed: number): OddFile {
  const random = seeded(seed);
  const chance = (part: number) => random() < part;
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const make = new Maker({ chance, pick, step: pick([2, 2, 3, 4, 8]), dashStep: pick([0, 1, 2, 4]) });
  make.top();
  return new OddFile(make.pieces, pick(['\n', '\n', '\r\n']));
}

interface Habits {
  readonly chance: (part: number) => boolean;
  readonly pick: <T>(choices: readonly T[]) => T;
  readonly step: number;
  readonly dashStep: number;
}

const NOISE = [
  '',
  '',
  '',
  '\n',
  '\n\n',
  '# a note\n',
  '    # an indented: note\n',
  '#port: 99\n',
  '# - name: old\n',
] as const;
const TAILS = ['', '', '', '   # tail', '\t# tab', '  ', ' # port: 1'] as const;

class Maker {
  readonly pieces: Piece[] = [];
  readonly #habits: Habits;

  constructor(habits: Habits) {
    this.#habits = habits;
  }

  top(): void {
    const { chance, pick } = this.#habits;
    this.#put(pick(['', '', '', '\ufeff']));
    this.#put(pick(['', '', '# head\n\n', '---\n']));
    this.#put(`${this.#key('version')}1${pick(TAILS)}\n`);
    const sections = [() => this.#timeouts(), () => this.#proxies(), () => this.#uses()];
    if (chance(0.5)) sections.reverse();
    for (const section of sections) {
      this.#put(pick(NOISE));
      section();
    }
    // The last line of a file may have no end; what follows `...` does not belong to the document.
    this.#put(pick(['', '', 'retry: {attempts: 3}', '...\n# the end\n']));
  }

  #timeouts(): void {
    const { pick, step } = this.#habits;
    const space = ' '.repeat(step);
    const missing = [
      '',
      '#response_timeout:\n#  base_ms: 30000\n',
      'response_timeout:\n  # waits\n  #base_ms: 30000\n',
      `response_timeout:\n${space}tls_timeout_ms: 500\n`,
    ];
    if (this.#habits.chance(0.6)) {
      this.#put(pick(missing));
      return;
    }
    this.#put(`${this.#key('response_timeout')}${pick(TAILS)}\n${space}${this.#key('base_ms')}`);
    this.#put(pick(['30000', '030000', '0x7530']), 'base_ms');
    this.#put(`${pick(TAILS)}\n${space}connect_timeout_ms: 500\n`);
  }

  #uses(): void {
    const { chance, pick, step } = this.#habits;
    if (chance(0.3)) {
      this.#put('use_proxy_for: { platform: none , updates: ');
      this.#put(pick(['alpha', '"alpha"', "'alpha'"]), 'updates');
      this.#put(` }${pick(TAILS)}\n`);
      return;
    }
    this.#put(`use_proxy_for:\n${' '.repeat(step)}${this.#key('updates')}`);
    this.#put(pick(['alpha', '"al\\x70ha"', "'alpha'", '&a alpha']), 'updates');
    this.#put(`${pick(TAILS)}\n`);
  }

  #proxies(): void {
    const { pick, dashStep } = this.#habits;
    this.#put(`${this.#key('proxies')}${pick(['', ' ', '  # all', ' &anchored'])}\n`);
    for (const [index, name] of ODD_NAMES.entries()) {
      this.#put(pick(NOISE));
      const dash = `${' '.repeat(dashStep)}-${' '.repeat(pick([1, 1, 3]))}`;
      if (this.#habits.chance(0.3)) this.#entryInBrackets(dash, index, name);
      else this.#entry(dash, index, name);
    }
  }

  #entryInBrackets(dash: string, index: number, name: string): void {
    const { pick } = this.#habits;
    const entry = `entry:${index}`;
    const quote = pick(['', '"', "'"]);
    const [nameKey, portKey] = ['name', 'port'].map((key) => `${quote}${key}${quote}`);
    this.#put(`${dash}{${pick(['', ' '])}${nameKey}: ${name}, address: ${name}.example.com, ${portKey}: `, entry);
    this.#put(pick(['3128', '0443']), `port:${index}`, entry);
    this.#put(`${index === 0 ? ', default: true' : ''}${pick(['', ' ', ', '])}}${pick(TAILS)}\n`, entry);
  }

  #entry(dash: string, index: number, name: string): void {
    const { pick } = this.#habits;
    const entry = `entry:${index}`;
    const space = ' '.repeat(dash.length);
    const quote = pick(['', '"', "'"]);
    this.#put(`${dash}${this.#key('name')}${pick(['', '&n '])}${name}${pick(TAILS)}\n`, entry);
    this.#put(`${space}address: ${quote}${name}.example.com${quote}${pick(TAILS)}\n`, entry);
    if (index === 0) this.#put(`${space}default: true${pick(TAILS)}\n`, entry);
    this.#put(`${space}${this.#key('port')}`, entry);
    this.#put(pick(['3128', '0443', '&p 8080', '!!int 80', '+80']), `port:${index}`, entry);
    this.#put(`${pick(TAILS)}\n`, entry);
    if (!this.#habits.chance(0.3)) return;
    this.#put(`${space}no_proxy: ${pick(['>-', '|', '|+', '|2-'])}\n${space}  localhost\n${space}  #user: x\n`, entry);
    // Blank lines and deeper comments would be a part of the text.
    this.#put('# below the text\n');
  }

  #key(name: string): string {
    const { pick } = this.#habits;
    const quote = pick(['', '', '', '"', "'"]);
    return `${quote}${name}${quote}${pick(['', '', ' '])}:${pick([' ', ' ', '    ', '\t'])}`;
  }

  #put(text: string, ...belongs: string[]): void {
    if (text !== '') this.pieces.push({ text, belongs });
  }
}
