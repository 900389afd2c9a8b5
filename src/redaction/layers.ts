// A secret in a text may be written with escapes, such as %41 or &amp;, also one inside the other. Undoes them layer by
// layer, and maps the characters of each layer back to the original text. Pure.
//
// Guarantees: each layer takes one linear pass, and each reading of a text has at most `MAX_PASSES` layers. Letters may
// be escaped in any mixture: %NN, &#NN;, &amp;, \uNNNN, \xNN, \", one inside the other, or UTF-8 decoded as Latin-1. A
// backslash or %41 may also be meant literally. A text is therefore read in three ways: only web escapes undone, only
// backslash escapes undone, and both.

/** Maps a span of the layer to the span in the original text. */
type Place = (from: number, to: number) => readonly [from: number, to: number];

/** The text with some of its escapes undone. */
export interface Layer {
  readonly text: string;
  readonly place: Place;
  /** Only escapes of one kind are undone although there are others. Only a secret with characters of the other kind needs it. */
  readonly isPartial?: boolean;
}

/** Enough for JSON within JSON that is percent-encoded three times. */
const MAX_PASSES = 6;

const WEB =
  '%([0-9A-Fa-f]{2})|%u([0-9A-Fa-f]{4})|&#0{0,8}([0-9]{1,7});?|&#[xX]0{0,8}([0-9A-Fa-f]{1,6});?|&(amp|lt|gt|quot|apos);';
const BACKSLASH = '\\\\(?:[xX]([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\\{0{0,8}([0-9A-Fa-f]{1,6})\\}|(["\'\\\\/bfnrt]))';

const WEB_OR_BACKSLASH = new RegExp(`${WEB}|${BACKSLASH}`, 'g');
/**
 * For texts with both kinds, where either may be plain characters. The second has the groups of `WEB_OR_BACKSLASH`; its
 * first five never match.
 */
const EACH: readonly RegExp[] = [new RegExp(WEB, 'g'), new RegExp(`(?!)()()()()()|${BACKSLASH}`, 'g')];
const MAY_BE_WEB = /[%&]/;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
/** A UTF-8 character whose bytes were each decoded as a character. */
const UTF8_READ_AS_LATIN1 =
  /[\u00c2-\u00df][\u0080-\u00bf]|[\u00e0-\u00ef][\u0080-\u00bf]{2}|[\u00f0-\u00f4][\u0080-\u00bf]{3}/g;
/** The UTF-8 bytes of U+FFFD itself. Other bytes that decode to U+FFFD are not UTF-8. */
const REPLACEMENT = '\u00ef\u00bf\u00bd';
const LINE_BREAK = /[\r\n][ \t]*/g;

/** The text itself, then each distinct layer of each way to read it. */
export function layersOf(text: string): Layer[] {
  const whole: Layer = { text, place: (from, to) => [from, to] };
  const layers = [whole];
  const seen = new Set([text]);
  const add = (layer: Layer | null, isPartial: boolean) => {
    if (layer === null || seen.has(layer.text)) return;
    seen.add(layer.text);
    layers.push({ ...layer, isPartial });
  };
  add(asUtf8(whole), false);
  const read = (pattern: RegExp, isPartial: boolean) => {
    let layer: Layer | null = whole;
    for (let pass = 0; pass < MAX_PASSES; pass += 1) {
      layer = rewrite(layer, pattern, undo);
      if (layer === null) return;
      add(layer, isPartial);
      add(asUtf8(layer), isPartial);
    }
  };
  const has = { web: MAY_BE_WEB.test(text), backslash: text.includes('\\') };
  if (!has.web && !has.backslash) return layers;
  read(WEB_OR_BACKSLASH, false);
  // Undoing escapes of one kind may reveal escapes of the other.
  const mixed =
    layers.some((layer) => MAY_BE_WEB.test(layer.text)) && layers.some(({ text: one }) => one.includes('\\'));
  if (mixed) for (const pattern of EACH) read(pattern, true);
  return layers;
}

/** Lines next to one with an escape that are read together with it. */
const NEIGHBORS = 2;
const MAY_HAVE_LAYERS = /[%&\\\u0080-\uffff]/g;

/**
 * The text itself, then the layers of the lines that have escapes, each with its neighbors. For long texts, in which
 * few lines have escapes.
 */
export function layersOfLines(text: string): Layer[] {
  const layers: Layer[] = [{ text, place: (from, to) => [from, to] }];
  MAY_HAVE_LAYERS.lastIndex = 0;
  for (let match = MAY_HAVE_LAYERS.exec(text); match !== null; match = MAY_HAVE_LAYERS.exec(text)) {
    const from = linesBefore(text, match.index);
    let to = linesAfter(text, match.index);
    // Runs of such lines are one block.
    for (let next = to; next > match.index; ) {
      MAY_HAVE_LAYERS.lastIndex = next;
      const another = MAY_HAVE_LAYERS.exec(text);
      if (another === null || another.index > linesAfter(text, to)) break;
      to = linesAfter(text, another.index);
      next = to;
    }
    for (const layer of layersOf(text.slice(from, to)).slice(1)) layers.push(shifted(layer, from));
    MAY_HAVE_LAYERS.lastIndex = Math.max(to, match.index + 1);
  }
  return layers;
}

function linesBefore(text: string, at: number): number {
  let from = at;
  for (let line = 0; line <= NEIGHBORS && from > 0; line += 1) from = text.lastIndexOf('\n', from - 1);
  return Math.max(0, from);
}

function linesAfter(text: string, at: number): number {
  let to = at;
  for (let line = 0; line <= NEIGHBORS; line += 1) {
    to = text.indexOf('\n', to) + 1;
    if (to === 0) return text.length;
  }
  return to;
}

function shifted({ place, ...layer }: Layer, by: number): Layer {
  return {
    ...layer,
    place: (from, to) => {
      const [start, end] = place(from, to);
      return [start + by, end + by];
    },
  };
}

/**
 * The layer in the form in which base64 is searched for: without line breaks, and in the standard alphabet instead of
 * that of URLs.
 */
export function asBase64(layer: Layer): Layer {
  const unfolded = rewrite(layer, LINE_BREAK, () => '') ?? layer;
  return { text: unfolded.text.replaceAll('-', '+').replaceAll('_', '/'), place: unfolded.place };
}

/** The layer with UTF-8 that was decoded as Latin-1 decoded correctly; null if there is none. */
export function asUtf8(layer: Layer): Layer | null {
  return rewrite(layer, UTF8_READ_AS_LATIN1, ([bytes]) => {
    const read = Buffer.from(bytes, 'latin1').toString('utf8');
    return read.includes('\ufffd') && bytes !== REPLACEMENT ? null : read;
  });
}

function undo(match: RegExpExecArray): string | null {
  const [, percent, wide, decimal, hex, named, slashX, slashU, braced, short] = match;
  if (short !== undefined) return SHORT[short] ?? short;
  if (named !== undefined) return NAMED[named] ?? null;
  if (decimal !== undefined) return characterOf(Number(decimal));
  return characterOf(Number.parseInt(percent ?? wide ?? hex ?? slashX ?? slashU ?? braced ?? '', 16));
}

function characterOf(code: number): string | null {
  return code <= 0x10ffff ? String.fromCodePoint(code) : null;
}

/** The replacements in ascending order: `at` and `length` in the new text, `from` and `to` in the old one. */
interface Replaced {
  readonly at: number[];
  readonly length: number[];
  readonly from: number[];
  readonly to: number[];
}

/** The layer with every match replaced; null when nothing was replaced. */
function rewrite(layer: Layer, pattern: RegExp, replace: (match: RegExpExecArray) => string | null): Layer | null {
  const { text } = layer;
  const replaced: Replaced = { at: [], length: [], from: [], to: [] };
  const parts: string[] = [];
  let shownTo = 0;
  let length = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const instead = replace(match);
    if (instead === null) continue;
    const verbatim = text.slice(shownTo, match.index);
    parts.push(verbatim, instead);
    length += verbatim.length;
    shownTo = match.index + match[0].length;
    replaced.at.push(length);
    replaced.length.push(instead.length);
    replaced.from.push(match.index);
    replaced.to.push(shownTo);
    length += instead.length;
  }
  if (parts.length === 0) return null;
  parts.push(text.slice(shownTo));
  const place: Place = (from, to) => layer.place(placeOf(replaced, from)[0], placeOf(replaced, to - 1)[1]);
  return { text: parts.join(''), place };
}

/** The span of the old text that one character of the new text comes from. */
function placeOf({ at, length, from, to }: Replaced, index: number): readonly [from: number, to: number] {
  // Find the last replacement that starts at or before the index.
  let [low, high] = [0, at.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  const last = low - 1;
  if (last < 0) return [index, index + 1];
  const after = index - (at[last] ?? 0) - (length[last] ?? 0);
  if (after < 0) return [from[last] ?? 0, to[last] ?? 0];
  const own = (to[last] ?? 0) + after;
  return [own, own + 1];
}
