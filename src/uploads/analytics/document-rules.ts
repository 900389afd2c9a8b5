// Decides what is stored of a document: only the listed fields, and no document that contains a secret of the
// configuration. Pure.

import type { SpanRedactor } from '#redaction/redact.ts';
import { MASK } from '#redaction/secret.ts';
import type { DocumentRules } from './documents.ts';

/** The name under which a refusal counts, as in bundles of support logs. */
const SECRET_RULE = 'configured-secret';
const REFUSAL = `it contains a secret of the configuration of this host (rule ${SECRET_RULE})`;

type Tree = Readonly<Record<string, unknown>>;

/**
 * The rules of a configuration. `fields` is undefined if whole documents are sent. `redactor` knows every secret of the
 * configuration.
 */
export function documentRules(fields: readonly string[] | undefined, redactor: SpanRedactor): DocumentRules {
  const wanted = fields === undefined ? null : treeOf(fields);
  // A value that is masked already contains no secret.
  const hasSecret = (text: string) => redactor.spans(text).some(([from, to]) => text.slice(from, to) !== MASK);
  return {
    keep: (document, text) => (wanted === null ? text : JSON.stringify(pick(document, wanted))),
    refusalOf: (text) => (hasSecret(text) ? REFUSAL : null),
    // A secret of one line is also found among other lines: no escape of JSON text goes over a line break.
    mayRefuse: hasSecret,
  };
}

/** Names of fields by their parts. A null includes the whole field. */
interface Wanted {
  readonly [name: string]: Wanted | null;
}

function treeOf(fields: readonly string[]): Wanted {
  const root: Record<string, Wanted | null> = Object.create(null) as Record<string, Wanted | null>;
  for (const field of fields) add(root, field.split('.'));
  return root;
}

function add(tree: Record<string, Wanted | null>, [name = '', ...rest]: readonly string[]): void {
  // A whole field includes its parts.
  if (tree[name] === null) return;
  if (rest.length === 0) {
    tree[name] = null;
    return;
  }
  const inner = (tree[name] ?? Object.create(null)) as Record<string, Wanted | null>;
  tree[name] = inner;
  add(inner, rest);
}

/** The wanted fields of an object, and of each object in a list. */
function pick(value: unknown, wanted: Wanted): unknown {
  if (Array.isArray(value)) {
    return value.map((element) => pick(element, wanted)).filter((kept) => kept !== undefined);
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const kept: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, inner] of Object.entries(wanted)) {
    if (!Object.hasOwn(value, name)) continue;
    const field = (value as Tree)[name];
    kept[name] = inner === null ? field : pick(field, inner);
  }
  return kept;
}
