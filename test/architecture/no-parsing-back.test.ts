/**
 * Reasons of a route and hops are data, and their sentences are only for people. No source file parses such a sentence
 * or makes its own.
 */
import { describe, expect, it } from 'vitest';
import { readSource, withoutComments } from './imports.ts';
import { sourceFiles } from './layers.ts';

/** What holds a reason, a hop or its words. */
const NAMES = String.raw`(?:(?:\w+\.)*(?:reasons?|hop)|(?:\w+\.)+place|reasonText\([^)]*\)|hopText\([^)]*\))`;
const SEARCHES: readonly RegExp[] = [
  // /.../.test(hop), NAME.exec(error.hop ?? '')
  new RegExp(String.raw`\.(?:test|exec)\(\s*${NAMES}\s*(?:\?\?[^)]*)?\)`, 'g'),
  // reason.startsWith('...'), hop?.split(...)
  new RegExp(
    String.raw`\b${NAMES}\??\.(?:match|matchAll|search|split|startsWith|endsWith|includes|indexOf|replace|replaceAll|slice)\(`,
    'g',
  ),
];
/** A hop that is made of text on the spot. */
const MADE = /\bhop: (?:'[^']*'|`[^`]*`|"[^"]*")/g;

/** The file and what it does there, with the reason why that is none of these sentences. */
const OTHERS: Readonly<Record<string, string>> = {
  'cli/program/program-updates.ts': 'the reason is that an id is refused',
  'daemon/reload/file-gate.ts': 'a finding as it crosses Control, which has the words',
  'errors/template.ts': 'a hop of a Via header, which is foreign text',
  'proxy/opening/handshake.ts': 'the reason is that of a proxy, on its status line',
  'spool/entry.ts': 'the reason is why an entry was settled',
  'proxy/pac/worker.ts': 'the reason is that of the interpreter',
};

function found(code: string): readonly string[] {
  const bare = withoutComments(code);
  return [...SEARCHES, MADE].flatMap((pattern) => [...bare.matchAll(pattern)].map(([whole]) => whole));
}

describe('reasons and hops', () => {
  it('sentences: no source file reads a reason or a hop back, or makes a hop of text', () => {
    const wrong = sourceFiles().flatMap((file) =>
      file in OTHERS ? [] : found(readSource(file)).map((what) => `src/${file}: ${what}`),
    );

    expect(wrong).toEqual([]);
  });

  it('sentences: every exception is still needed', () => {
    expect(Object.keys(OTHERS).filter((file) => found(readSource(file)).length === 0)).toEqual([]);
  });

  it.each([
    ['reasons.some((reason) => /no_proxy|proxy_enabled/.test(reason))', 1],
    ["/^proxy (\\S+) \\(/.exec(hop ?? '')?.[1]", 1],
    ['KEY_FIRST.exec(reason)?.[0]', 1],
    ["if (error.hop?.startsWith('proxy ')) go();", 1],
    ["hopText(error.place).split(' ')", 1],
    ["coded('TCP-REFUSED', { host, hop: 'proxy corp' })", 1],
    ["error.hop === null ? '' : show(error.hop)", 0],
    ["if (error.place?.kind === 'origin') go();", 0],
    ["// hop.split(' ')", 0],
  ])('sentences: the check itself judges %j', (code, count) => {
    expect(found(code)).toHaveLength(count);
  });
});
