// The redactor of a bundle. It redacts streams of bytes and file names, and makes the final scan.
//
// Guarantees: no secret of the configuration, in any encoding of `src/redaction`, and no match of a rule comes through.
// Any failure ends the stream with an error, so that the caller leaves the file out. The caller must register every
// secret of the configuration first. Pure, except that it assigns pseudonyms.

import { coded } from '#errors/coded-error.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { compilePattern, validatePattern } from '#redaction/linear-pattern.ts';
import { MASK } from '#redaction/secret.ts';
import type { Criteria, OwnRule } from './findings.ts';
import type { Pseudonymizer } from './pseudonymizer.ts';
import { BUILT_IN_RULES } from './rules/built-in.ts';
import { type RuleCounts, Windows } from './windows.ts';

/** A rule of the configuration. */
interface OwnRuleSettings {
  readonly name: string;
  readonly pattern: string;
}

/** What to redact. */
export interface RedactionOptions {
  readonly known: KnownSecrets;
  readonly own?: readonly OwnRuleSettings[];
  /** null or absent: names and addresses stay. */
  readonly pseudonymizer?: Pseudonymizer | null;
}

/** Redacts any number of streams. */
export interface BundleRedactor {
  /** The text with its secrets masked. The counts are complete when it ends. @throws CodedError REDACTION-NOT-TEXT, and errors of the source */
  redactLines(source: AsyncIterable<Uint8Array>, counts: RuleCounts): AsyncIterable<Uint8Array>;
  /** What is still in a text that was redacted, by rule. No value is kept. @throws CodedError REDACTION-NOT-TEXT, and errors of the source */
  scanForSecrets(source: AsyncIterable<Uint8Array>): Promise<RuleCounts>;
  /** The name of a file, which can contain a secret itself. Two names may become equal. */
  redactName(name: string, counts: RuleCounts): string;
}

/** Stands for a secret in a name of a file: `*` is not allowed in names on every system. */
const NAME_MASK = 'REDACTED';

/** @throws CodedError REDACTION-RULE for an own rule that cannot be used */
export function createBundleRedactor(options: RedactionOptions): BundleRedactor {
  const criteria: Criteria = {
    known: options.known,
    rules: BUILT_IN_RULES,
    own: (options.own ?? []).map(ownRule),
    pseudonymizer: options.pseudonymizer ?? null,
  };
  return {
    redactLines: (source, counts) => redacted(source, new Windows(criteria, counts)),
    scanForSecrets: (source) => scan(source, { ...criteria, pseudonymizer: null }),
    redactName: (name, counts) => {
      const windows = new Windows(criteria, counts);
      const parts = [...windows.take(Buffer.from(name)), ...windows.end()];
      return Buffer.from(parts.join(''), 'latin1').toString('utf8').replaceAll(MASK, NAME_MASK);
    },
  };
}

function ownRule({ name, pattern }: OwnRuleSettings): OwnRule {
  const reason = validatePattern(pattern);
  if (reason !== null) throw coded('REDACTION-RULE', { rule: name, reason });
  return { name, pattern: compilePattern(pattern) };
}

async function* redacted(source: AsyncIterable<Uint8Array>, windows: Windows): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) yield* paced(windows.take(chunk));
  yield* paced(windows.end());
}

/** A window takes milliseconds, and so does a rule of the configuration. Other work gets its turn between two of them. */
async function* paced(texts: Iterable<string>): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text !== '') yield Buffer.from(text, 'latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function scan(source: AsyncIterable<Uint8Array>, criteria: Criteria): Promise<RuleCounts> {
  const counts: RuleCounts = new Map();
  for await (const _text of redacted(source, new Windows(criteria, counts))) void _text;
  return counts;
}
