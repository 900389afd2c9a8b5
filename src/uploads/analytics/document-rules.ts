// Decides what is stored. Of each document only the listed fields are kept, and a document that contains a secret of
// the configuration is refused. Pure.

import type { SpanRedactor } from '#redaction/redact.ts';
import { MASK } from '#redaction/secret.ts';
import type { PackedDocuments } from '#spool/segments/line-buffer.ts';
import type { DocumentRules } from './documents.ts';

/** The name under which a refusal counts, as in bundles of support logs. */
const SECRET_RULE = 'configured-secret';
const REFUSAL = `it contains a secret of the configuration of this host (rule ${SECRET_RULE})`;

type Tree = Readonly<Record<string, unknown>>;

/** Bytes of text that has layers (`redaction/layers.ts`): `%`, `&`, `\`, and UTF-8 that was read as Latin-1. */
const HAS_LAYERS: readonly number[] = [0x25, 0x26, 0x5c, 0xc2];
/** In no JSON text, so that nothing is found over the border of two documents. */
const BORDER = 0;

/**
 * The rules of a configuration. `fields` is undefined if whole documents are sent. `redactor` knows every secret of the
 * configuration.
 */
export function documentRules(fields: readonly string[] | undefined, redactor: SpanRedactor): DocumentRules {
  const wanted = fields === undefined ? null : treeOf(fields);
  return {
    keep: wanted === null ? null : (document) => JSON.stringify(pick(document, wanted)),
    refusalOf: (text) => {
      // A value that is masked already contains no secret.
      const hasSecret = redactor.spans(text).some(([from, to]) => text.slice(from, to) !== MASK);
      return hasSecret ? REFUSAL : null;
    },
    suspects: (documents) => suspectsIn(documents, redactor),
  };
}

/**
 * Documents with escapes are searched together, the others where they are. JSON has line breaks only between its
 * values, where no base64 can continue.
 */
function suspectsIn({ bytes, places }: PackedDocuments, redactor: SpanRedactor): ReadonlySet<number> {
  const suspects = new Set<number>();
  addEach(suspects, places, (from) => redactor.nextPlace(bytes, from));
  const layered = new Set<number>();
  for (const byte of HAS_LAYERS) addEach(layered, places, (from) => bytes.indexOf(byte, from));
  if (layered.size === 0) return suspects;
  return redactor.mayContain(together(layered, { bytes, places })) ? suspects.union(layered) : suspects;
}

/** Some of the documents, with a border after each. */
function together(indexes: ReadonlySet<number>, { bytes, places }: PackedDocuments): Buffer {
  const all = Buffer.allocUnsafe(bytes.length + indexes.size);
  let end = 0;
  for (const index of indexes) {
    end += bytes.copy(all, end, places[2 * index], places[2 * index + 1]);
    all[end] = BORDER;
    end += 1;
  }
  return all.subarray(0, end);
}

/** Adds the index of each document in which there is a place. `next` returns the first at or after an offset, or -1. */
function addEach(found: Set<number>, places: readonly number[], next: (from: number) => number): void {
  let at = next(0);
  for (let index = 0; at !== -1 && 2 * index < places.length; index += 1) {
    const [from, to] = [places[2 * index] ?? 0, places[2 * index + 1] ?? 0];
    if (at < from) at = next(from);
    if (at >= from && at < to) found.add(index);
  }
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
