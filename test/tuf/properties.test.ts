/** Properties over random documents, and over random sequences of publications, attacks, crashes and restored states. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asCoded } from '#errors/coded-error.ts';
import { CrashError, type CrashingFiles } from '#test/support/crashing-files.ts';
import { rounds } from '#test/support/rounds.ts';
import type { KnownVersions } from '#trust/tuf/types.ts';
import { SimulatedRepository } from './support/simulated-repository.ts';
import { emptyHost, STORE, TestClient } from './support/test-client.ts';
import type { JsonFields } from './support/test-keys.ts';

describe('random documents', () => {
  const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;
  const FIELDS = [
    'version',
    'expires',
    'meta',
    'targets',
    'delegations',
    'roles',
    'keys',
    'spec_version',
    '_type',
    'consistent_snapshot',
    '__proto__',
  ];
  const integers = fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes('.'));

  it('tuf: any signed content is accepted or refused with a code of its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ROLES),
        fc.constantFrom(...FIELDS),
        integers,
        fc.boolean(),
        async (role, field, value, isInside) => {
          const repository = new SimulatedRepository();
          repository.delegate('targets', { name: 'team' });
          const place = isInside ? innerOf(repository.content(role)) : repository.content(role);
          Object.defineProperty(place, field, { value, enumerable: true, configurable: true, writable: true });
          repository.publishAsIs(role);
          // The changed document is the newest of its role under each name.
          const last = repository.last(role);
          repository.onMetadata = (name, bytes) => (name.endsWith(`${role}.json`) && bytes !== null ? last : bytes);
          const client = new TestClient(repository);

          expect(await client.outcome()).toMatch(/^(?:accepted|TUF-[A-Z-]+)$/);
        },
      ),
      { numRuns: rounds(150) },
    );
  });

  it('tuf: any bytes are refused with a code of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.nat(400), async (noise, at) => {
        const repository = new SimulatedRepository();
        const bytes = Buffer.from(repository.last('timestamp'));
        const torn = Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at + noise.length)]);
        repository.published.set('timestamp', [torn]);

        expect(await new TestClient(repository).outcome()).toMatch(/^(?:accepted|TUF-[A-Z-]+)$/);
      }),
      { numRuns: rounds(100) },
    );
  });
});

function innerOf(content: JsonFields): JsonFields {
  const inner = [content['delegations'], content['roles'], content['meta'], content['targets']].find(
    (value): value is JsonFields => typeof value === 'object' && value !== null,
  );
  return inner ?? content;
}

/** One step of a random history. Numbers choose among what there is. */
type Step =
  | { readonly kind: 'publish'; readonly roles: readonly string[] }
  | { readonly kind: 'rotate'; readonly role: string }
  | { readonly kind: 'refresh' }
  | { readonly kind: 'replay'; readonly pick: number }
  | { readonly kind: 'crash'; readonly at: number; readonly mode: 'killed' | 'power-lost' }
  | { readonly kind: 'restore'; readonly pick: number }
  | { readonly kind: 'damage'; readonly pick: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('publish'), roles: fc.subarray(['targets', 'snapshot', 'timestamp']) }),
  fc.record({ kind: fc.constant('rotate'), role: fc.constantFrom('timestamp', 'snapshot', 'targets') }),
  fc.record({ kind: fc.constant('refresh') }),
  fc.record({ kind: fc.constant('replay'), pick: fc.nat() }),
  fc.record({ kind: fc.constant('crash'), at: fc.nat(120), mode: fc.constantFrom('killed', 'power-lost') }),
  fc.record({ kind: fc.constant('restore'), pick: fc.nat() }),
  fc.record({ kind: fc.constant('damage'), pick: fc.nat() }),
) as fc.Arbitrary<Step>;

/** A host, its repository, and what must never be undone. */
class History {
  readonly #repository = new SimulatedRepository();
  readonly #copies = [this.#repository.copy()];
  readonly #states: CrashingFiles[] = [];
  #files = emptyHost();
  #second: KnownVersions | null = null;
  #highest: KnownVersions | null = null;

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'publish':
        this.#repository.publish(...step.roles);
        this.#copies.push(this.#repository.copy());
        return;
      case 'rotate':
        this.#repository.rotateKeys(step.role);
        this.#repository.publish('root', 'targets', 'snapshot', 'timestamp');
        this.#copies.push(this.#repository.copy());
        return;
      case 'refresh':
        return this.#refresh();
      case 'replay': {
        const now = this.#repository.copy();
        this.#repository.serve(pick(this.#copies, step.pick) ?? now);
        await this.#refresh();
        this.#repository.serve(now);
        return;
      }
      case 'crash':
        this.#files.arm({ crashAfter: step.at });
        await this.#refresh();
        this.#files = this.#files.crashed ? this.#files.afterCrash(step.mode) : this.#files;
        return this.#files.arm({});
      case 'restore':
        this.#files = pick(this.#states, step.pick)?.afterCrash('killed') ?? this.#files;
        return;
      case 'damage': {
        const path = pick(
          this.#files.names().filter((name) => name.startsWith(STORE)),
          step.pick,
        );
        if (path !== undefined) this.#files.plantFile(path, '{');
      }
    }
  }

  async #refresh(): Promise<void> {
    const client = new TestClient(this.#repository, this.#files);
    client.minimumVersions = this.#second;
    try {
      const tuf = await client.open();
      await tuf.refresh(client.signal);
      this.#compare(tuf.knownVersions());
      this.#second = tuf.knownVersions();
      this.#states.push(this.#files.afterCrash('killed'));
    } catch (thrown) {
      if (!(thrown instanceof CrashError)) expect(asCoded(thrown).code).toMatch(/^TUF-/);
    }
  }

  #compare(known: KnownVersions): void {
    const highest = this.#highest;
    this.#highest = known;
    if (highest === null) return;
    expect(known.root).toBeGreaterThanOrEqual(highest.root);
    if (known.onlineKeys.join() !== highest.onlineKeys.join()) return;
    for (const role of ['timestamp', 'snapshot'] as const) expect(known[role]).toBeGreaterThanOrEqual(highest[role]);
    expect(known.roles.get('targets')).toBeGreaterThanOrEqual(highest.roles.get('targets') ?? 0);
  }
}

function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)];
}

describe('random histories', () => {
  it('tuf: versions never go back over publications, attacks, crashes and restored states', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 25 }), async (steps) => {
        const history = new History();
        for (const step of steps) await history.run(step);
      }),
      { numRuns: rounds(25) },
    );
  });
});
