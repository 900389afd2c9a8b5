// Finds secrets in output, in every common encoding, even if they were cut. Any eight consecutive characters of an
// encoded form count, so half a secret is a leak as well.
//
// It does not use the code that masks secrets. It searches for plain substrings of forms that Node made.

/** The number of characters that identify a form; shorter ones occur in ordinary text. */
const WINDOW = 8;

/** The leaks, each with the text around it; empty if there are none. */
export function leaksIn(text: string, secrets: readonly string[]): string[] {
  const plain = text.toLowerCase();
  return secrets.flatMap((secret) =>
    [...formsOf(secret)].flatMap(([form, value]) => {
      const at = findPart(form === 'base64' ? text : plain, form === 'base64' ? value : value.toLowerCase());
      return at === -1 ? [] : [`${form}: ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 60))}`];
    }),
  );
}

function findPart(text: string, form: string): number {
  const size = Math.min(WINDOW, form.length);
  for (let from = 0; from + size <= form.length; from += 1) {
    const at = text.indexOf(form.slice(from, from + size));
    if (at !== -1) return at;
  }
  return -1;
}

function formsOf(secret: string): [string, string][] {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const forms: [string, string][] = [
    ['raw', secret],
    ['utf-8 read as latin1', bytes.toString('latin1')],
    ['json', json],
    ['json in json', JSON.stringify(json).slice(1, -1)],
    ['url', encodeURIComponent(secret)],
    ['url, twice', encodeURIComponent(encodeURIComponent(secret))],
    ['hex', bytes.toString('hex')],
    ['html', secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')],
  ];
  for (const before of [0, 1, 2]) {
    // Without the characters at both ends, which share bits with their neighbors.
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const inner = text.slice(before === 0 ? 0 : before + 1, -1);
    forms.push(['base64', inner], ['base64', inner.replaceAll('+', '-').replaceAll('/', '_')]);
  }
  return forms;
}
