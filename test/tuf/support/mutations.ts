/**
 * Every check of the TUF client, with the change of its source that removes it. `npm run mutate` makes each change in a copy and
 * runs the tests, which must fail.
 */

export interface Mutation {
  /** What is no longer checked. */
  readonly name: string;
  /** Below src/trust/tuf. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  // Documents.
  { name: 'UTF-8 is strict', file: 'document.ts', find: 'fatal: true', replace: 'fatal: false' },
  { name: 'no byte order mark', file: 'document.ts', find: 'ignoreBOM: true', replace: 'ignoreBOM: false' },
  {
    name: 'no half of a surrogate pair',
    file: 'document.ts',
    find: 'if (ANY_SURROGATE_ESCAPE.test(text) &&',
    replace: 'if (text === "" &&',
  },
  { name: 'depth and size of the JSON', file: 'document.ts', find: 'if (excess !== null)', replace: 'if (false)' },
  {
    name: 'one signature for each key ID (4.2.1)',
    file: 'document.ts',
    find: 'if (signatures.has(keyId))',
    replace: 'if (false)',
  },
  {
    name: 'integers are whole and exact',
    file: 'document.ts',
    find: 'if (!Number.isSafeInteger(raw) ||',
    replace: 'if (typeof raw !== "number" ||',
  },
  { name: 'integers have a minimum', file: 'document.ts', find: '(raw as number) < min', replace: 'false' },
  { name: '_type (4.3)', file: 'decode.ts', find: "if (signed['_type'] !== type)", replace: 'if (false)' },
  { name: 'spec_version (4.3)', file: 'decode.ts', find: 'if (!SPEC_VERSION.test(', replace: 'if (!/^/.test(' },
  {
    name: 'form of the expiration (4.2.3)',
    file: 'decode.ts',
    find: 'DATE_TIME.test(expires) ? Date.parse(expires) : Number.NaN',
    replace: 'Date.parse(expires)',
  },
  {
    name: 'an expiration that is no time',
    file: 'decode.ts',
    find: 'if (Number.isNaN(expiresMs))',
    replace: 'if (false)',
  },
  {
    name: 'targets named as members of Object',
    file: 'decode.ts',
    find: 'if (!Object.hasOwn(targets, path)) return null;',
    replace: 'if (!(path in targets)) return null;',
  },
  // Keys and thresholds.
  { name: 'RSA keys have 2048 bits (4.2.2)', file: 'keys.ts', find: '>= MIN_RSA_BITS', replace: '>= 0' },
  {
    name: 'a key is of the type that it claims',
    file: 'keys.ts',
    find: 'return key.asymmetricKeyType === type ? key : null;',
    replace: 'return type === "" ? null : key;',
  },
  {
    name: 'a key is identified by its public key',
    file: 'keys.ts',
    find: "object.export({ type: 'spki', format: 'der' })",
    replace: 'text',
  },
  {
    name: 'each key counts once (5.3.4)',
    file: 'threshold.ts',
    find: 'signers.set(key.identity, {',
    replace: 'signers.set(keyId, {',
  },
  {
    name: 'signatures are verified',
    file: 'threshold.ts',
    find: 'if (await key.verify(document.signed, signature))',
    replace: 'if (signature !== "")',
  },
  {
    name: 'the threshold is reached (5.3.4, 5.4.2, 5.5.3, 5.6.3)',
    file: 'threshold.ts',
    find: 'if (signers.size < threshold)',
    replace: 'if (signers.size === 0)',
  },
  {
    name: 'some key has signed',
    file: 'threshold.ts',
    find: 'if (signers.size < threshold)',
    replace: 'if (signers.size + 1 < threshold)',
  },
  {
    name: 'a role has a key ID once',
    file: 'authority.ts',
    find: 'if (new Set(keyIds).size !== keyIds.length)',
    replace: 'if (false)',
  },
  { name: 'a threshold is at least one', file: 'authority.ts', find: "'threshold', 1)", replace: "'threshold', 0)" },
  // Root.
  {
    name: 'the root file is signed by its own keys (5.2)',
    file: 'root.ts',
    find: 'const signers = await requireThreshold(document, content.roles.root, place);\n    return',
    replace: 'const signers: never[] = [];\n    return',
  },
  {
    name: 'a new root is signed by the previous one (5.3.4)',
    file: 'root.ts',
    find: 'await requireThreshold(document, trusted.content.roles.root, place);',
    replace: '',
  },
  {
    name: 'a new root is signed by itself (5.3.4)',
    file: 'root.ts',
    find: 'const signers = await requireThreshold(document, content.roles.root, place);\n  if',
    replace: 'const signers: never[] = [];\n  if',
  },
  {
    name: 'a new root is one version higher (5.3.5)',
    file: 'root.ts',
    find: 'if (content.version !== next)',
    replace: 'if (false)',
  },
  {
    name: 'at most 256 new roots (5.3.3)',
    file: 'root.ts',
    find: 'if (step >= limits.rootSteps)',
    replace: 'if (false)',
  },
  {
    name: 'roots are requested past caches',
    file: 'root.ts',
    find: 'revalidate: true',
    replace: 'revalidate: false',
  },
  {
    name: 'the root is not older than a known one (5.3.5)',
    file: 'known-state.ts',
    find: 'if (content.version < known)',
    replace: 'if (false)',
  },
  {
    name: 'the root has not expired (5.3.10)',
    file: 'known-state.ts',
    find: "requireUnexpired(context, content, { ...place, clause: '5.3.10' });",
    replace: '',
  },
  {
    name: 'versions start over after a rotation (5.3.11)',
    file: 'known-state.ts',
    find: 'const hasStartedOver = areKeysRotated(this.known, content);',
    replace: 'const hasStartedOver = false;',
  },
  {
    name: 'versions start over in both places (5.3.11)',
    file: 'versions.ts',
    find: 'return areKeysRotated(known, content) ?',
    replace: 'return known.root < 0 ?',
  },
  {
    name: 'versions start over only after a rotation (5.3.11)',
    file: 'versions.ts',
    find: 'return known.onlineKeys.some((key) => !online.has(key));',
    replace: 'return known.onlineKeys.length !== online.size;',
  },
  {
    name: 'the stored timestamp is removed after a rotation (5.3.11)',
    file: 'known-state.ts',
    find: "await this.#store.remove('timestamp');",
    replace: '',
  },
  {
    name: 'versions of the second place count',
    file: 'known-state.ts',
    find: 'versions: mergeVersions(own, other)',
    replace: 'versions: own',
  },
  // Timestamp.
  {
    name: 'the timestamp does not go back (5.4.3.1)',
    file: 'online-roles.ts',
    find: 'requireNotOlder(fetched.content.version, Math.max(known.timestamp, trusted?.content.version ?? 0), {',
    replace: 'requireNotOlder(1, 0, {',
  },
  {
    name: 'known versions count without the file (5.4.3.1)',
    file: 'online-roles.ts',
    find: 'Math.max(known.timestamp, trusted?.content.version ?? 0)',
    replace: 'trusted?.content.version ?? 0',
  },
  {
    name: 'a timestamp of the same version is discarded (5.4.3.1)',
    file: 'online-roles.ts',
    find: 'if (fetched.content.version === trusted?.content.version) {',
    replace: 'if (trusted !== null && fetched.content.version < 0) {',
  },
  {
    name: 'the timestamp does not list an older snapshot (5.4.3.2)',
    file: 'online-roles.ts',
    find: 'requireNotOlder(fetched.content.snapshot.version, knownSnapshot,',
    replace: 'requireNotOlder(knownSnapshot, knownSnapshot,',
  },
  {
    name: 'a new timestamp has not expired (5.4.4)',
    file: 'online-roles.ts',
    find: "requireUnexpired(context, fetched.content, { ...place, clause: '5.4.4' });",
    replace: '',
  },
  {
    name: 'an unchanged timestamp has not expired (5.4.4)',
    file: 'online-roles.ts',
    find: "requireUnexpired(context, trusted.content, { ...place, clause: '5.4.4' });",
    replace: '',
  },
  {
    name: 'the timestamp is requested past caches',
    file: 'online-roles.ts',
    find: 'revalidate: true',
    replace: 'revalidate: false',
  },
  // Snapshot.
  {
    name: 'the snapshot has the listed length and digests (5.5.2)',
    file: 'online-roles.ts',
    find: "requireListed(bytes, listed, { ...place, clause: '5.5.2' });",
    replace: '',
  },
  {
    name: 'the snapshot has the listed version (5.5.4)',
    file: 'online-roles.ts',
    find: "requireVersion(snapshot.content.version, listed.version, { ...place, clause: '5.5.4' });",
    replace: '',
  },
  {
    name: 'no role goes back in the snapshot (5.5.5)',
    file: 'online-roles.ts',
    find: 'requireNothingOlder(fetched, trusted, { known, file });',
    replace: '',
  },
  {
    name: 'no role vanishes from the snapshot (5.5.5)',
    file: 'online-roles.ts',
    find: 'if (found === null || found < version)',
    replace: 'if (found !== null && found < version)',
  },
  {
    name: 'the snapshot has not expired (5.5.6)',
    file: 'online-roles.ts',
    find: "requireUnexpired(context, snapshot.content, { ...place, clause: '5.5.6' });",
    replace: '',
  },
  // Targets and delegations.
  {
    name: 'a role has the listed length and digests (5.6.2)',
    file: 'targets-roles.ts',
    find: "requireListed(bytes, listed, { ...place, clause: '5.6.2' });",
    replace: '',
  },
  {
    name: 'a role has the listed version (5.6.4)',
    file: 'targets-roles.ts',
    find: "requireVersion(loaded.content.version, listed.version, { ...place, clause: '5.6.4' });",
    replace: '',
  },
  {
    name: 'a role has not expired (5.6.5)',
    file: 'targets-roles.ts',
    find: "requireUnexpired(this.#context, loaded.content, { ...place, clause: '5.6.5' });",
    replace: '',
  },
  {
    name: 'a loaded role is verified for each delegator',
    file: 'targets-roles.ts',
    find: 'if (!known.verifiedFor.has(authority))',
    replace: 'if (false)',
  },
  {
    name: 'a role is read up to its listed length (5.6.1)',
    file: 'targets-roles.ts',
    find: 'Math.min(listed.length ?? Number.POSITIVE_INFINITY, this.#context.limits.targetsBytes)',
    replace: 'this.#context.limits.targetsBytes',
  },
  {
    name: 'delegated roles keep their order (5.6.7.2)',
    file: 'delegations.ts',
    find: 'return { roles: read, bins: null };',
    replace: 'return { roles: Object.values(Object.fromEntries(read.map((one) => [one.name, one]))), bins: null };',
  },
  {
    name: 'a terminating delegation ends the list (5.6.7.2.1)',
    file: 'delegations.ts',
    find: '(last === -1 ? matching : matching.slice(0, last + 1))',
    replace: '(last < -1 ? [] : matching)',
  },
  {
    name: 'a terminating delegation ends the search (5.6.7.2.1)',
    file: 'client.ts',
    find: 'if (delegates.at(-1)?.terminating === true) stack.length = 0;',
    replace: '',
  },
  {
    name: 'paths match the pattern (4.5)',
    file: 'delegations.ts',
    find: 'patterns.some((pattern) => matchesPattern(path, pattern))',
    replace: 'patterns.length > 0',
  },
  {
    name: 'hashes match the prefix (4.5)',
    file: 'delegations.ts',
    find: 'hashPrefixes.some((prefix) => hex.startsWith(prefix))',
    replace: 'hashPrefixes.length > 0',
  },
  {
    name: 'a wildcard covers no slash (4.5)',
    file: 'path-pattern.ts',
    find: 'names.length === patterns.length &&',
    replace: '',
  },
  {
    name: 'no delegated role has a top-level name (4.5)',
    file: 'delegations.ts',
    find: '(TOP_LEVEL_ROLES as readonly string[]).includes(name)',
    replace: 'false',
  },
  {
    name: 'delegated roles are unique (4.5)',
    file: 'delegations.ts',
    find: 'if (new Set(read.map(({ name }) => name)).size !== read.length)',
    replace: 'if (false)',
  },
  {
    name: 'patterns exclude prefixes (4.5)',
    file: 'delegations.ts',
    find: 'if (paths !== undefined && prefixes !== undefined)',
    replace: 'if (false)',
  },
  {
    name: 'roles exclude bins (TAP 15)',
    file: 'delegations.ts',
    find: 'if ((roles === undefined) === (bins === undefined))',
    replace: 'if (false)',
  },
  {
    name: 'at most 2^32 bins (TAP 15)',
    file: 'delegations.ts',
    find: 'if (bitLength > MAX_BIT_LENGTH)',
    replace: 'if (false)',
  },
  {
    name: 'no role is visited twice (5.6.7.1)',
    file: 'client.ts',
    find: 'if (visited.has(next.role)) continue;',
    replace: '',
  },
  {
    name: 'at most 32 delegated roles (5.6.7.1)',
    file: 'client.ts',
    find: 'if (visited.size > limits.delegations)',
    replace: 'if (false)',
  },
  // Files.
  {
    name: 'a target has its length and digests (5.7.3)',
    file: 'client.ts',
    find: 'if (difference === null) return bytes;',
    replace: 'if (difference !== undefined) return bytes;',
  },
  { name: 'every digest is compared', file: 'hashes.ts', find: 'if (found !== expected)', replace: 'if (false)' },
  {
    name: 'a file has a known digest',
    file: 'hashes.ts',
    find: 'if (hashes.size === 0)',
    replace: 'if (false)',
  },
  {
    name: 'digests have their length',
    file: 'hashes.ts',
    find: 'if (!HEX.test(digest) || digest.length !== KNOWN[algorithm])',
    replace: 'if (false)',
  },
  { name: 'a target is not too large', file: 'client.ts', find: 'if (target.length > limit)', replace: 'if (false)' },
  {
    name: 'no file is longer than allowed',
    file: 'context.ts',
    find: 'if (reply.bytes.length > request.limitBytes)',
    replace: 'if (false)',
  },
  {
    name: 'a document expires exactly at its time',
    file: 'context.ts',
    find: 'if (content.expiresMs > nowMs - graceMs) return;',
    replace: 'if (content.expiresMs >= nowMs - graceMs) return;',
  },
  // Store.
  {
    name: 'stored roots are verified',
    file: 'root.ts',
    find: '      const aside = await store.setRootAside(trusted.content.version + 1, asCoded(thrown));',
    replace:
      '      if (asCoded(thrown).code !== "INTERNAL") throw thrown;\n      const aside = await store.setRootAside(0, asCoded(thrown));',
  },
  {
    name: 'roles that differ only in case have their own files',
    file: 'store.ts',
    find: "const digest = createHash('sha256').update(role).digest('hex').slice(0, 32);",
    replace: "const digest = createHash('sha256').update(role.toLowerCase()).digest('hex').slice(0, 32);",
  },
  {
    name: 'a wrong clock of the past is forgotten',
    file: 'known-state.ts',
    find: 'state.checkedAt(forgotten ? nowMs : Math.max(latest, nowMs));',
    replace: 'state.checkedAt(Math.max(latest, nowMs));',
  },
  {
    name: 'versions are saved',
    file: 'known-state.ts',
    find: 'await this.#store.saveState(this.#state);',
    replace: '',
  },
];
