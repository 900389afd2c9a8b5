import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEAD_LIMIT_BYTES, HeadReader } from '#proxy/opening/head-reader.ts';

interface Outcome {
  /** What the parser gets, up to the end of the final head. */
  readonly head: string;
  readonly behind: string;
  readonly refused: string | null;
  readonly ended: boolean;
}

/** Reads an answer in pieces of these sizes, as an exchange does. */
function read(text: string, { toConnect = false, sizes = [1_000_000] } = {}): Outcome {
  const reader = new HeadReader({ toConnect });
  const bytes = Buffer.from(text, 'latin1');
  let head = '';
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const chunk = bytes.subarray(start, start + (sizes[turn % sizes.length] ?? 1));
    for (let at = 0; at < chunk.length; ) {
      const { bytes: part, next, refused, ended } = reader.read(chunk, at);
      head += part.toString('latin1');
      if (refused !== null || ended) return { head, behind: bytes.toString('latin1', start + next), refused, ended };
      at = next;
    }
    start += chunk.length;
  }
  return { head, behind: '', refused: null, ended: false };
}

const normal = (text: string) => read(text).head;

describe('a response head: input that RFC 9112 allows reaches the parser in the strict form', () => {
  it.each([
    ['bare LF (2.2)', 'HTTP/1.1 200 OK\nA: b\n\n', 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'],
    ['mixed line ends (2.2)', 'HTTP/1.1 200 OK\r\nA: b\n\r\n', 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'],
    ['empty lines before it', '\r\n\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['blanks in the status line (4)', 'HTTP/1.1   200 \t OK \r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['no reason phrase (4)', 'HTTP/1.1 200\r\n\r\n', 'HTTP/1.1 200 \r\n\r\n'],
    ['blanks before the colon (5.1)', 'HTTP/1.1 200 OK\r\nA \t: b\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: b\r\n\r\n'],
    ['obs-fold (5.2)', 'HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\n\r\n', 'HTTP/1.1 200 OK\r\nA: b c d\r\n\r\n'],
    [
      'obs-fold of nothing (5.2)',
      'HTTP/1.1 200 OK\r\nA: b\r\n \r\nC: d\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n',
    ],
    [
      'a blank line start before the first field (2.2)',
      'HTTP/1.1 200 OK\r\n X: y\r\nA: b\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: b\r\n\r\n',
    ],
    [
      'equal Content-Lengths in two lines (6.3)',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    ],
    [
      'equal Content-Lengths in one line (6.3)',
      'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    ],
  ])('%s', (_name, said, given) => {
    expect(read(`${said}behind`)).toEqual({ head: given, behind: 'behind', refused: null, ended: true });
  });

  it('a response head: interim ones are read one by one, and bytes after the final one are left', () => {
    const outcome = read('HTTP/1.1 103 E\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nHTTP/1.1 no head');
    expect(outcome.head).toBe('HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
    expect(outcome.behind).toBe('HTTP/1.1 no head');
  });

  it('a response head: framing fields of a 2xx to CONNECT are ignored (6.3), of a refusal not', () => {
    const fields = 'Content-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(read(`HTTP/1.1 200 OK\r\n${fields}`, { toConnect: true }).head).toBe('HTTP/1.1 200 OK\r\n\r\n');
    const refused = 'its Content-Length is both 5 and 6';
    expect(read(`HTTP/1.1 403 No\r\n${fields}`, { toConnect: true }).refused).toBe(refused);
  });
});

describe('a response head: input for smuggling reaches the parser unchanged', () => {
  it.each([
    'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\rContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\n: no name\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
  ])('%j', (said) => {
    expect(normal(said)).toBe(said);
  });
});

describe('a response head: limits', () => {
  const filled = (bytes: number) => {
    const begin = 'HTTP/1.1 200 OK\r\nX: ';
    return `${begin}${'x'.repeat(bytes - begin.length - 4)}\r\n\r\n`;
  };

  it('256 KiB are accepted, a byte more is refused', () => {
    expect(read(filled(HEAD_LIMIT_BYTES))).toMatchObject({ refused: null, ended: true });
    expect(read(filled(HEAD_LIMIT_BYTES + 1)).refused).toBe('more than 262144 bytes of headers');
  });

  it.each(['Content-Length: 5\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: x\r\nContent-Length:'])(
    'a length together with a coding is refused: %j',
    (fields) => {
      expect(read(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`).refused).toBe('it has Content-Length and Transfer-Encoding');
    },
  );

  it.each(['5\r\nContent-Length: 6', '5, 6', '5, 5\r\nContent-Length: 5, 6', '5\r\nContent-Length: 05'])(
    'lengths that differ are refused: %j',
    (lengths) => {
      expect(read(`HTTP/1.1 200 OK\r\nContent-Length: ${lengths}\r\n\r\n`).refused).toMatch(
        /^its Content-Length is both 5 and/,
      );
    },
  );

  it.each([
    ['empty lines', '\r\n'.repeat(200_000), 'more than 262144 bytes of headers'],
    ['blanks before a value', `HTTP/1.1 200 OK\r\nA: ${' '.repeat(300_000)}`, 'more than 262144 bytes of headers'],
    ['tiny fields', `HTTP/1.1 200 OK\r\n${'a:\n'.repeat(2_001)}\n`, 'more than 2000 header fields'],
  ])('endless %s are refused', (_name, said, refused) => {
    expect(read(said).refused).toBe(refused);
  });

  it.each([
    ['one line of blanks', `HTTP/1.1 200 OK\r\nA${' '.repeat(262_000)}`],
    ['folded lines', `HTTP/1.1 200 OK\r\nA: b\r\n${' x\r\n'.repeat(65_000)}`],
    ['a blank before every letter', `HTTP/1.1 200 OK\r\nA: ${' x'.repeat(130_000)}\r\n`],
    ['blanks in the status line', `HTTP/1.1 200${' '.repeat(262_000)}`],
    ['lengths', `HTTP/1.1 200 OK\r\nContent-Length: ${'5,'.repeat(130_000)}\r\n`],
  ])('the longest head takes linear time, in pieces of 3 bytes: %s', (_name, said) => {
    const started = performance.now();
    read(said, { sizes: [3] });
    read(`${said}\r\n\r\n`);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('a response head: in chunks of any size', () => {
  const line = fc.constantFrom('\r\n', '\n', 'HTTP/1.1 200 OK', 'A: b', ' ', '\t', 'Content-Length: 5', '\r', 'x', ':');

  it('the result and the end are the same', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }).map((parts) => `HTTP/1.1 200 OK\r\n${parts.join('')}`),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (said, sizes) => {
          const { head, behind, ended } = read(said, { sizes });
          const whole = read(said);
          expect({ behind, ended }).toEqual({ behind: whole.behind, ended: whole.ended });
          if (ended) expect(head).toBe(whole.head);
        },
      ),
    );
  });

  it('a response head: bytes that are not HTTP go to the parser at once', () => {
    expect(normal('SSH-2.0-OpenSSH')).toBe('SSH-2.0-OpenSSH');
    expect(normal('HTTQ')).toBe('HTTQ');
    expect(read('HTTq and more', { sizes: [1] }).head).toBe('HTTq and more');
  });
});
