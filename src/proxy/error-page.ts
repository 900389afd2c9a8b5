// Extracts the title of an error page, which is often the only explanation that a proxy gives, and its text without
// markup. Bounded and pure. The result is untrusted text.

/** Longest title that is kept, in characters. */
const TITLE_CHARACTERS = 300;
/** Maximum length of the text that is kept, in characters: enough to recognize the page. */
const WORDS_CHARACTERS = 1_000;

/** The text of a page; null when it has none. */
export interface ErrorPage {
  readonly title: string | null;
  readonly words: string | null;
}

/**
 * Whether a title is generic: Squid has one for all pages, and Privoxy's contain a number that differs from the status.
 */
export function isUninformative(title: string): boolean {
  return /^ERROR: |\(Privoxy@/i.test(title);
}

export function readErrorPage(page: string): ErrorPage {
  return { title: titleOf(page), words: wordsOf(page) };
}

/** The text between `<title>` and its end, on one line; null when there is none. */
export function titleOf(page: string): string | null {
  const start = /<title(?=[\s>])[^<>]{0,200}>/i.exec(page);
  if (start === null) return null;
  const from = start.index + start[0].length;
  const text = page.slice(from, from + TITLE_CHARACTERS);
  const end = text.indexOf('<');
  const title = (end === -1 ? text : text.slice(0, end)).replaceAll(/\s+/g, ' ').trim();
  return title === '' ? null : title;
}

/**
 * The text between the tags, without scripts and styles, on one line. Reads the page in one pass, whatever it contains.
 */
function wordsOf(page: string): string | null {
  const [before = '', ...pieces] = page.split('<');
  let words = before;
  let hidden = false;
  for (const piece of pieces) {
    const tag = /^\/?(?:script|style)\b/i.exec(piece)?.[0];
    if (tag !== undefined) hidden = !tag.startsWith('/');
    const end = piece.indexOf('>');
    if (!hidden && end !== -1) words += ` ${piece.slice(end + 1)}`;
  }
  const text = words.replaceAll(/\s+/g, ' ').trim().slice(0, WORDS_CHARACTERS);
  return text === '' ? null : text;
}
