// A disk in memory that behaves like the real disk, and that can fail or crash at any operation.
//
// It keeps two states: what programs see, and what a power cut would leave. The second has the content as of the last
// `sync` of a file, and the names as of the last `syncDirectory` of a folder; a rename between two folders is atomic
// and durable with the new name. Operations are numbered from 1 and recorded. After a crash, every operation throws
// `CrashError`. `afterCrash` returns a new disk with what survived. A contract test compares it with `realFiles`.

import { constants } from 'node:os';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { FileFacts, Files, OpenFile, Ownership } from '#system/files.ts';

/** The machine is gone: what was under way did not come back, and nothing after it will. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

export type Operation =
  | 'create'
  | 'open'
  | 'write'
  | 'read'
  | 'truncate'
  | 'sync'
  | 'examine'
  | 'close'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'list'
  | 'give'
  | 'syncDirectory';

export interface Traced {
  readonly n: number;
  readonly operation: Operation;
  readonly path: string;
}

/** What goes wrong; operations are counted from 1. */
export interface Faults {
  /** Crashes instead of operation n. */
  readonly crashBefore?: number;
  /** Crashes right after the effect of operation n; the caller never hears that it was done. */
  readonly crashAfter?: number;
  /** Operation n, or each that passes the test, has no effect and throws this. */
  readonly failAt?: { readonly n: number | ((n: number) => boolean); readonly error: Error };
  /** Called before each operation. */
  readonly observe?: () => void;
  /** Every write and every read takes a random part of what was given, from this seed. */
  readonly shortWrites?: number;
  /** The size of the disk in bytes; a write beyond it is DISK-FULL. */
  readonly fullAfterBytes?: number;
  /** The free space that the disk reports, regardless of the real one, as with a quota. */
  readonly freeBytes?: number;
}

/**
 * What a crash leaves. `killed`: the process died, everything it did stands. `power-lost`: only synced bytes under
 * synced names. `torn`: all names, but un-synced bytes are missing, cut, or zero from some place on (by the seed).
 */
export type CrashMode = 'killed' | 'power-lost' | 'torn';
export const CRASH_MODES: readonly CrashMode[] = ['killed', 'power-lost', 'torn'];

/** The user that the program runs as here, and the only group it is in. */
const SELF = 1_000;

const EFFECTS: readonly Operation[] = [
  'create',
  'write',
  'truncate',
  'sync',
  'rename',
  'remove',
  'makeDirectory',
  'give',
  'syncDirectory',
];

/** The operations that change the disk: a crash at any other is a crash right after the one before it. */
export function crashPoints(trace: readonly Traced[]): number[] {
  return trace.filter(({ operation }) => EFFECTS.includes(operation)).map(({ n }) => n);
}

interface FileNode {
  readonly kind: 'file';
  readonly inode: number;
  mode: number;
  owner: number;
  group: number;
  buffer: Buffer;
  size: number;
  synced: Buffer;
  dirty: boolean;
  modifiedMs: number;
}
interface FolderNode {
  readonly kind: 'directory';
  readonly inode: number;
  mode: number;
  owner: number;
  group: number;
  readonly modifiedMs: number;
  entries: Map<string, Node>;
  durable: Map<string, Node>;
}
interface OtherNode {
  readonly kind: 'symbolic link' | 'special file';
  readonly inode: number;
  mode: number;
  owner: number;
  group: number;
  readonly modifiedMs: number;
  /** Of a symbolic link. */
  readonly target: string;
}
type Node = FileNode | FolderNode | OtherNode;

/** A name, the folder that it would be in, and what has it. */
interface Found {
  readonly folder: FolderNode;
  readonly name: string;
  readonly node: Node | undefined;
}

const EPOCH_MS = 1_800_000_000_000;
/** As many links as Linux follows before it says ELOOP. */
const MAX_LINKS = 40;

export class CrashingFiles implements Files {
  readonly self = SELF;
  #faults: Faults;
  #random: () => number;
  #root: FolderNode;
  #inodes = 1;
  #ticks = 0;
  #crashed = false;
  #trace: Traced[] = [];

  constructor(faults: Faults = {}) {
    this.#faults = faults;
    this.#random = seeded(faults.shortWrites ?? 0);
    this.#root = this.#folder(0o755);
  }

  /** Every operation so far, in order. */
  get trace(): readonly Traced[] {
    return this.#trace;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  /** Sets other faults and restarts the count and the trace. */
  arm(faults: Faults): void {
    this.#faults = faults;
    this.#random = seeded(faults.shortWrites ?? 0);
    this.#trace = [];
  }

  /** Ends this host and gives a fresh one, without faults, on what survived. */
  afterCrash(mode: CrashMode, seed = 1): CrashingFiles {
    this.#crashed = true;
    const fresh = new CrashingFiles();
    fresh.#inodes = this.#inodes;
    fresh.#ticks = this.#ticks;
    fresh.#root = survivor(this.#root, mode, seeded(seed)) as FolderNode;
    return fresh;
  }

  // The port.

  async create(path: string, mode: number): Promise<OpenFile> {
    return this.#step('create', path, () => {
      const { folder, name, node } = this.#find('create', path);
      if (node !== undefined) throw refusal(path, node) ?? errno('create', path, 'EEXIST');
      const made = this.#file(Buffer.alloc(0), mode, SELF);
      made.dirty = true;
      folder.entries.set(name, made);
      return this.#handle(path, made, 'write');
    });
  }

  async openToWrite(path: string): Promise<OpenFile> {
    return this.#step('open', path, () => {
      const file = this.#openable(path);
      const links = this.#homesOf(file).length;
      if (links !== 1) throw coded('FILE-LINKED', { path, links });
      if (file.owner !== SELF) throw coded('FILE-FOREIGN', { path, owner: file.owner, self: SELF });
      return this.#handle(path, file, 'write');
    });
  }

  async openToRead(path: string): Promise<OpenFile> {
    return this.#step('open', path, () => this.#handle(path, this.#openable(path), 'read'));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename', from, () => {
      const source = this.#find('rename', from);
      if (source.node === undefined) throw errno('rename', from, 'ENOENT');
      const target = this.#find('rename', to);
      if (target.node === source.node) return;
      checkReplacing(from, source.node, target.node);
      source.folder.entries.delete(source.name);
      target.folder.entries.set(target.name, source.node);
    });
  }

  async remove(path: string): Promise<boolean> {
    return this.#step('remove', path, () => {
      const found = this.#findOr('remove', path, ['ENOENT']);
      if (found?.node === undefined) return false;
      if (found.node.kind === 'directory') throw errno('remove', path, 'EISDIR');
      return found.folder.entries.delete(found.name);
    });
  }

  async removeFolder(path: string): Promise<boolean> {
    return this.#step('remove', path, () => {
      const found = this.#findOr('remove', path, ['ENOENT']);
      if (found?.node === undefined) return false;
      if (found.node.kind !== 'directory') throw errno('remove', path, 'ENOTDIR');
      if (found.node.entries.size > 0) throw errno('remove', path, 'ENOTEMPTY');
      return found.folder.entries.delete(found.name);
    });
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    this.#step('makeDirectory', path, () => this.#makeFolder(path, mode));
  }

  async list(path: string): Promise<string[]> {
    return this.#step('list', path, () => {
      const node = this.#follow('list', path);
      if (node === undefined) return [];
      if (node.kind !== 'directory') throw errno('list', path, 'ENOTDIR');
      return [...node.entries.keys()].sort();
    });
  }

  async facts(path: string): Promise<FileFacts | null> {
    return this.#step('examine', path, () => {
      const found = this.#findOr('examine', path, ['ENOENT', 'ENOTDIR']);
      return found?.node === undefined ? null : this.#factsOf(found.node);
    });
  }

  async give(path: string, to: Ownership): Promise<void> {
    this.#step('give', path, () => {
      const { node } = this.#find('change the owner of', path);
      if (node === undefined) throw errno('change the owner of', path, 'ENOENT');
      if (node.kind === 'symbolic link') throw coded('FILE-SYMLINK', { path });
      const isTaken = node.owner !== to.owner || node.group !== to.group;
      if (node.owner !== SELF || (isTaken && (to.owner !== SELF || to.group !== SELF)))
        throw errno('change the owner of', path, 'EPERM');
      Object.assign(node, { mode: to.mode, owner: to.owner, group: to.group });
    });
  }

  async realPath(path: string): Promise<string> {
    return this.#step('examine', path, () => {
      const [, name] =
        [...walk(this.#root, '/')]
          .map(([at, node]) => [node, at] as const)
          .find(([node]) => node === this.#follow('examine', path)) ?? [];
      if (name === undefined) throw errno('examine', path, 'ENOENT');
      return name;
    });
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step('syncDirectory', path, () => {
      const folder = this.#follow('sync', path);
      if (folder === undefined) throw errno('sync', path, 'ENOENT');
      if (folder.kind !== 'directory') throw errno('sync', path, 'ENOTDIR');
      this.#syncNames(folder);
    });
  }

  async freeSpace(path: string): Promise<number> {
    return this.#step('examine', path, () => {
      if (this.#follow('examine', path) === undefined) throw errno('examine', path, 'ENOENT');
      return this.#faults.freeBytes ?? Math.min(this.#room(), Number.MAX_SAFE_INTEGER);
    });
  }

  // Changes by a test, or by another process on the machine. They are durable at once and not counted.

  plantFile(
    path: string,
    content: Uint8Array | string,
    as: { mode?: number; owner?: number; group?: number } = {},
  ): void {
    const file = this.#file(Buffer.from(content), as.mode ?? 0o600, as.owner ?? SELF);
    this.#plant(path, Object.assign(file, { group: as.group ?? SELF }));
  }

  plantFolder(path: string, as: { mode?: number; owner?: number; group?: number } = {}): void {
    Object.assign(this.#makeFolder(path, 0o755), as);
  }

  plantSymlink(path: string, target: string): void {
    this.#plant(path, this.#other('symbolic link', target));
  }

  plantFifo(path: string): void {
    this.#plant(path, this.#other('special file', ''));
  }

  /** Gives an existing file a second name. */
  plantLink(path: string, existing: string): void {
    const { node } = this.#find('open', existing);
    if (node === undefined) throw new Error(`nothing to link at ${existing}`);
    this.#plant(path, node);
  }

  /** Content as programs see it now; null when there is no such file. Not counted. */
  content(path: string): Buffer | null {
    const node = this.#findOr('open', path, ['ENOENT', 'ENOTDIR'])?.node;
    return node?.kind === 'file' ? Buffer.from(node.buffer.subarray(0, node.size)) : null;
  }

  /** Full names of everything except folders, sorted. Not counted. */
  names(): string[] {
    return [...walk(this.#root, '/')].filter(([, node]) => node.kind !== 'directory').map(([path]) => path);
  }

  // Operations.

  #step<T>(operation: Operation, path: string, effect: () => T): T {
    if (this.#crashed) throw new CrashError('the machine is gone');
    const n = this.#trace.length + 1;
    this.#faults.observe?.();
    this.#trace.push({ n, operation, path });
    if (this.#faults.crashBefore === n) this.#crash(`before ${operation} ${path}`);
    const failure = this.#failureAt(n);
    if (failure !== null) throw failure;
    try {
      return effect();
    } finally {
      if (this.#faults.crashAfter === n) this.#crash(`after ${operation} ${path}`);
    }
  }

  #failureAt(n: number): Error | null {
    const { failAt } = this.#faults;
    if (failAt === undefined) return null;
    const fails = typeof failAt.n === 'function' ? failAt.n(n) : failAt.n === n;
    return fails ? failAt.error : null;
  }

  #crash(where: string): never {
    this.#crashed = true;
    throw new CrashError(`crashed ${where}`);
  }

  #handle(path: string, file: FileNode, access: 'read' | 'write'): OpenFile {
    let open = true;
    const step = <T>(operation: Operation, effect: () => T): T =>
      this.#step(operation, path, () => {
        if (!open) throw errno(operation, path, 'EBADF');
        return effect();
      });
    const mayWrite = (operation: Operation) => {
      if (access === 'read') throw errno(operation, path, operation === 'truncate' ? 'EINVAL' : 'EBADF');
    };
    return {
      path,
      descriptor: null,
      write: (chunk, position) =>
        step('write', () => {
          mayWrite('write');
          return this.#write(file, path, { chunk, position });
        }),
      read: (buffer, position) =>
        step('read', () => {
          const wanted = Math.max(0, Math.min(buffer.length, file.size - position));
          const length = this.#faults.shortWrites === undefined ? wanted : this.#part(wanted);
          return length === 0 ? 0 : file.buffer.copy(buffer, 0, position, position + length);
        }),
      truncate: async (length) =>
        step('truncate', () => {
          mayWrite('truncate');
          resize(file, length);
          this.#touch(file);
        }),
      sync: async () =>
        step('sync', () => {
          if (file.dirty) file.synced = Buffer.from(file.buffer.subarray(0, file.size));
          file.dirty = false;
        }),
      facts: () => step('examine', () => this.#factsOf(file)),
      close: async () => {
        if (!open) return;
        this.#step('close', path, () => {
          open = false;
        });
      },
    };
  }

  #write(file: FileNode, path: string, given: { chunk: Uint8Array; position: number }): number {
    const { chunk, position } = given;
    let length = this.#faults.shortWrites === undefined ? chunk.length : this.#part(chunk.length);
    const grows = Math.max(0, position + length - file.size);
    const room = this.#room();
    if (grows > room) length -= Math.min(length, grows - room);
    if (length === 0 && chunk.length > 0) {
      throw coded('DISK-FULL', { operation: 'write', path, reason: words('ENOSPC'), errno: 'ENOSPC' });
    }
    if (position + length > file.size) resize(file, position + length);
    file.buffer.set(chunk.subarray(0, length), position);
    this.#touch(file);
    return length;
  }

  #room(): number {
    if (this.#faults.fullAfterBytes === undefined) return Number.POSITIVE_INFINITY;
    const files = new Set<FileNode>();
    for (const [, node] of walk(this.#root, '/')) if (node.kind === 'file') files.add(node);
    let used = 0;
    for (const { size } of files) used += size;
    return Math.max(0, this.#faults.fullAfterBytes - used);
  }

  #part(length: number): number {
    return length === 0 ? 0 : 1 + Math.floor(this.#random() * length);
  }

  #touch(file: FileNode): void {
    this.#ticks += 1;
    file.modifiedMs = EPOCH_MS + this.#ticks;
    file.dirty = true;
  }

  #openable(path: string): FileNode {
    const { node } = this.#find('open', path);
    if (node === undefined) throw errno('open', path, 'ENOENT');
    if (node.kind !== 'file') throw refusal(path, node) ?? errno('open', path, 'EINVAL');
    return node;
  }

  #makeFolder(path: string, mode: number): FolderNode {
    const there = this.#findOr('makeDirectory', path, ['ENOENT'])?.node;
    const followed = there?.kind === 'symbolic link' ? this.#follow('makeDirectory', path) : there;
    if (followed?.kind === 'directory') return followed;
    if (there !== undefined) throw refusal(path, there) ?? errno('create the folder', path, 'EEXIST');
    const parent = this.#makeFolder(dirname(path), mode);
    const made = this.#folder(mode);
    parent.entries.set(basename(path), made);
    parent.durable.set(basename(path), made);
    return made;
  }

  /** The folder of a path and the entry itself; follows links in the path except the last. */
  #find(operation: string, path: string): Found {
    const clean = resolve('/', normalize(path));
    if (clean === '/') return { folder: this.#root, name: '', node: this.#root };
    const folder = this.#follow(operation, dirname(clean));
    if (folder === undefined) throw errno(operation, path, 'ENOENT');
    if (folder.kind !== 'directory') throw errno(operation, path, 'ENOTDIR');
    const name = basename(clean);
    return { folder, name, node: folder.entries.get(name) };
  }

  #findOr(operation: string, path: string, absent: readonly string[]): Found | null {
    try {
      return this.#find(operation, path);
    } catch (thrown) {
      if (absent.includes(String((thrown as CodedError).facts['errno']))) return null;
      throw thrown;
    }
  }

  #follow(operation: string, path: string, hops = 0): Node | undefined {
    if (hops > MAX_LINKS) throw errno(operation, path, 'ELOOP');
    const node = this.#findOr(operation, path, ['ENOENT'])?.node;
    if (node?.kind !== 'symbolic link') return node;
    return this.#follow(operation, resolve(dirname(path), node.target), hops + 1);
  }

  #homesOf(node: Node): { folder: FolderNode; name: string }[] {
    const homes = [];
    for (const folder of foldersIn(this.#root)) {
      for (const [name, entry] of folder.entries) if (entry === node) homes.push({ folder, name });
    }
    return homes;
  }

  /** fsync of a folder. A name that moved to another folder stays here until the new name is durable there. */
  #syncNames(folder: FolderNode): void {
    for (const [name, node] of [...folder.durable]) {
      if (folder.entries.get(name) === node) continue;
      const moved = this.#homesOf(node).find((home) => home.folder !== folder);
      if (moved !== undefined && moved.folder.durable.get(moved.name) !== node) {
        if (!folder.entries.has(name)) continue;
        moved.folder.durable.set(moved.name, node);
      }
      folder.durable.delete(name);
    }
    for (const [name, node] of folder.entries) {
      if (folder.durable.get(name) === node) continue;
      folder.durable.set(name, node);
      this.#forgetOldNames(node);
    }
  }

  #forgetOldNames(node: Node): void {
    for (const folder of foldersIn(this.#root)) {
      for (const [name, entry] of folder.durable) {
        if (entry === node && folder.entries.get(name) !== node) folder.durable.delete(name);
      }
    }
  }

  #factsOf(node: Node): FileFacts {
    const { kind, mode, modifiedMs, owner, group } = node;
    const links = node.kind === 'file' ? this.#homesOf(node).length : 1;
    const size = node.kind === 'file' ? node.size : 0;
    return { kind, size, mode, modifiedMs, device: '1', inode: String(node.inode), links, owner, group };
  }

  #plant(path: string, node: Node): void {
    const folder = this.#makeFolder(dirname(path), 0o700);
    folder.entries.set(basename(path), node);
    folder.durable.set(basename(path), node);
  }

  #file(content: Buffer, mode: number, owner: number): FileNode {
    this.#ticks += 1;
    return {
      kind: 'file',
      ...this.#identity(mode),
      owner,
      buffer: content,
      size: content.length,
      synced: Buffer.from(content),
      dirty: false,
    };
  }

  #folder(mode: number): FolderNode {
    return { kind: 'directory', ...this.#identity(mode), entries: new Map(), durable: new Map() };
  }

  #other(kind: OtherNode['kind'], target: string): OtherNode {
    return { kind, ...this.#identity(0o777), target };
  }

  #identity(mode: number): { inode: number; mode: number; owner: number; group: number; modifiedMs: number } {
    this.#inodes += 1;
    return { inode: this.#inodes, mode, owner: SELF, group: SELF, modifiedMs: EPOCH_MS + this.#ticks };
  }
}

/** Why something that is not a regular file cannot be opened; null for a regular file. */
function refusal(path: string, node: Node): CodedError | null {
  if (node.kind === 'symbolic link') return coded('FILE-SYMLINK', { path });
  if (node.kind === 'file') return null;
  return coded('FILE-SPECIAL', { path, kind: node.kind === 'directory' ? 'folder' : 'FIFO' });
}

function checkReplacing(from: string, source: Node, target: Node | undefined): void {
  if (target === undefined) return;
  if (source.kind !== 'directory' && target.kind === 'directory') throw errno('rename', from, 'EISDIR');
  if (source.kind === 'directory' && target.kind !== 'directory') throw errno('rename', from, 'ENOTDIR');
  if (target.kind === 'directory' && target.entries.size > 0) throw errno('rename', from, 'ENOTEMPTY');
}

function resize(file: FileNode, size: number): void {
  if (size > file.buffer.length) {
    const larger = Buffer.alloc(Math.max(size, file.buffer.length * 2, 256));
    file.buffer.copy(larger, 0, 0, file.size);
    file.buffer = larger;
  }
  // What is cut off and grown again reads as zeros.
  if (size < file.size) file.buffer.fill(0, size, file.size);
  file.size = size;
}

/** A copy of what survives; a node with two names stays one node. */
function survivor(root: Node, mode: CrashMode, random: () => number): Node {
  const copies = new Map<Node, Node>();
  const copyOf = (node: Node): Node => {
    const known = copies.get(node);
    if (known !== undefined) return known;
    if (node.kind === 'file') return keep(node, fileAfter(node, mode, random));
    if (node.kind !== 'directory') return keep(node, node);
    const copy: FolderNode = { ...node, entries: new Map(), durable: new Map() };
    keep(node, copy);
    const names = mode === 'power-lost' ? node.durable : node.entries;
    for (const [name, entry] of names) copy.entries.set(name, copyOf(entry));
    const durable = mode === 'killed' ? node.durable : names;
    for (const [name, entry] of durable) copy.durable.set(name, copyOf(entry));
    return copy;
  };
  const keep = (node: Node, copy: Node): Node => {
    copies.set(node, copy);
    return copy;
  };
  return copyOf(root);
}

function fileAfter(node: FileNode, mode: CrashMode, random: () => number): FileNode {
  const now = node.buffer.subarray(0, node.size);
  if (mode === 'killed') return { ...node, buffer: Buffer.from(now), synced: Buffer.from(node.synced) };
  const left = Buffer.from(mode === 'torn' && node.dirty ? tear(now, node.synced, random) : node.synced);
  return { ...node, buffer: left, size: left.length, synced: Buffer.from(left), dirty: false };
}

/** What a power cut may leave of bytes that were not synced: none, the first ones, or those and then zeros. */
function tear(now: Buffer, synced: Buffer, random: () => number): Buffer {
  const way = Math.floor(random() * 3);
  if (way === 0) return synced;
  const cut = Math.floor(random() * (now.length + 1));
  const kept = Buffer.concat([now.subarray(0, cut), synced.subarray(cut)]);
  return way === 1 ? kept : Buffer.concat([kept, Buffer.alloc(Math.max(0, now.length - kept.length))]);
}

function* foldersIn(folder: FolderNode): Generator<FolderNode> {
  yield folder;
  for (const node of folder.entries.values()) if (node.kind === 'directory') yield* foldersIn(node);
}

/** Everything in the folder with its path, in the order of the names. */
function* walk(folder: FolderNode, path: string): Generator<[string, Node]> {
  yield [path, folder];
  for (const name of [...folder.entries.keys()].sort()) {
    const node = folder.entries.get(name) as Node;
    if (node.kind === 'directory') yield* walk(node, join(path, name));
    else yield [join(path, name), node];
  }
}

function errno(operation: string, path: string, code: string): CodedError {
  return coded('FILE-FAILED', { operation, path, reason: words(code), errno: code });
}

function words(code: string): string {
  const number = constants.errno[code as keyof typeof constants.errno];
  return `${code}: ${getSystemErrorMessage(-number)}`;
}

/** A small generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
