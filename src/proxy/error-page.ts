// What an error page says: its title, which is often all that a proxy has to say, and its words without the markup.
// Bounded and pure; the result is foreign text.

/** Longest title that is kept, in characters. */
const TITLE_CHARACTERS = 300;
/** So much of the words is kept, in characters: enough to know the page by. */
const WORDS_CHARACTERS = 1_000;

/** What a page says; null where it says nothing. */
export interface ErrorPage {
  readonly title: string | null;
  readonly words: string | null;
}

/** Whether a title says nothing of its own: Squid's pages have one for all, and Privoxy's have other numbers than its status. */
export function isUninformative(title: string): boolean {
  return /^ERROR: |\(Privoxy@/i.test(title);
}

export function readErrorPage(page: string): ErrorPage {
  return { title: titleOf(page), words: wordsOf(page) };
}

/** What stands between `<title>` and its end, on one line; null when there is none. */
export function titleOf(page: string): string | null {
  const start = /<title(?=[\s>])[^<>]{0,200}>/i.exec(page);
  if (start === null) return null;
  const from = start.index + start[0].length;
  const text = page.slice(from, from + TITLE_CHARACTERS);
  const end = text.indexOf('<');
  const title = (end === -1 ? text : text.slice(0, end)).replaceAll(/\s+/g, ' ').trim();
  return title === '' ? null : title;
}

/** What stands between the tags, but for scripts and styles, on one line. In one pass, whatever the page holds. */
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
