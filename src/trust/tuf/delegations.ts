// Delegations let another role, such as a team of the vendor, sign some packages. Reads them, and finds the roles that
// may sign a path (TUF 4.5, TAP 15). Pure.
//
// Guarantees: roles keep the order of the file, because this order decides which role is used first. `@tufjs/models`
// keeps roles as keys of an object, which moves names such as `10` to the front.

import { createHash } from 'node:crypto';
import { readAuthority, type SigningAuthority, TOP_LEVEL_ROLES } from './authority.ts';
import {
  FormatError,
  type JsonObject,
  readArray,
  readBoolean,
  readInteger,
  readObject,
  readText,
  readTexts,
} from './document.ts';
import { KeyRing } from './keys.ts';
import { matchesPattern } from './path-pattern.ts';

interface DelegatedRole {
  readonly name: string;
  readonly authority: SigningAuthority;
  readonly terminating: boolean;
  /** Patterns or hash prefixes; without both the role signs no path. */
  readonly patterns: readonly string[];
  readonly hashPrefixes: readonly string[];
}

/** All targets, spread over 2^bitLength roles by the hash of their path (TAP 15). */
interface Bins {
  readonly authority: SigningAuthority;
  readonly bitLength: number;
  readonly prefix: string;
}

export interface Delegations {
  readonly roles: readonly DelegatedRole[];
  readonly bins: Bins | null;
}

/** A delegated role that may sign a path. */
export interface Delegate {
  readonly role: string;
  readonly terminating: boolean;
  readonly authority: SigningAuthority;
}

const MAX_BIT_LENGTH = 32;

/** @throws FormatError */
export function readDelegations(raw: JsonObject): Delegations {
  const keys = new KeyRing(readObject(raw['keys'], 'the keys of delegations'));
  const { roles, succinct_roles: bins } = raw;
  if ((roles === undefined) === (bins === undefined)) {
    throw new FormatError('delegations have not exactly one of roles and succinct_roles');
  }
  if (bins !== undefined) return { roles: [], bins: readBins(readObject(bins, 'succinct_roles'), keys) };
  const read = readArray(roles, 'the roles of delegations').map((role) => readRole(readObject(role, 'a role'), keys));
  if (new Set(read.map(({ name }) => name)).size !== read.length) {
    throw new FormatError('a delegated role occurs twice');
  }
  return { roles: read, bins: null };
}

/** Roles that may sign this path, in the order of the file. The list ends with the first terminating one (TUF 5.6.7.2). */
export function delegatesFor({ roles, bins }: Delegations, path: string): readonly Delegate[] {
  const hash = createHash('sha256').update(path).digest();
  if (bins !== null) return [{ role: binFor(bins, hash), terminating: true, authority: bins.authority }];
  const hex = hash.toString('hex');
  const matching = roles.filter(
    ({ patterns, hashPrefixes }) =>
      patterns.some((pattern) => matchesPattern(path, pattern)) ||
      hashPrefixes.some((prefix) => hex.startsWith(prefix)),
  );
  const last = matching.findIndex(({ terminating }) => terminating);
  return (last === -1 ? matching : matching.slice(0, last + 1)).map(asDelegate);
}

/** Every delegated role, in the order of the file. */
export function* everyDelegate({ roles, bins }: Delegations): Generator<Delegate> {
  for (const role of roles) yield asDelegate(role);
  if (bins === null) return;
  for (let bin = 0; bin < 2 ** bins.bitLength; bin += 1) {
    yield { role: nameOfBin(bins, bin), terminating: true, authority: bins.authority };
  }
}

function asDelegate({ name, terminating, authority }: DelegatedRole): Delegate {
  return { role: name, terminating, authority };
}

function readRole(raw: JsonObject, keys: KeyRing): DelegatedRole {
  const name = readText(raw['name'], 'the name of a role');
  if (name === '' || (TOP_LEVEL_ROLES as readonly string[]).includes(name)) {
    throw new FormatError('a delegated role has the name of a top-level role, or none');
  }
  const { paths, path_hash_prefixes: prefixes } = raw;
  if (paths !== undefined && prefixes !== undefined) {
    throw new FormatError('a delegated role has both paths and path_hash_prefixes');
  }
  return {
    name,
    authority: readAuthority(raw, keys),
    terminating: readBoolean(raw['terminating'], 'terminating'),
    patterns: paths === undefined ? [] : readTexts(paths, 'paths'),
    hashPrefixes: prefixes === undefined ? [] : readTexts(prefixes, 'path_hash_prefixes'),
  };
}

function readBins(raw: JsonObject, keys: KeyRing): Bins {
  const bitLength = readInteger(raw['bit_length'], 'bit_length', 1);
  if (bitLength > MAX_BIT_LENGTH) throw new FormatError(`bit_length is above ${MAX_BIT_LENGTH}`);
  return { authority: readAuthority(raw, keys), bitLength, prefix: readText(raw['name_prefix'], 'name_prefix') };
}

/** The leftmost `bitLength` bits of the hash, as the name of a role. */
function binFor(bins: Bins, hash: Buffer): string {
  return nameOfBin(bins, hash.readUInt32BE() >>> (32 - bins.bitLength));
}

function nameOfBin({ bitLength, prefix }: Bins, bin: number): string {
  const digits = (2 ** bitLength - 1).toString(16).length;
  return `${prefix}-${bin.toString(16).padStart(digits, '0')}`;
}
