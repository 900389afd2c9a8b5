import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySettings, type Reloadable } from '#config/following/reload.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';

const OLD = { version: 2, proxy_enabled: false } as Settings;
const NEW = { version: 2, proxy_enabled: true } as Settings;
const BROKEN = coded('INTERNAL', { reason: 'broken' });

interface Faults {
  readonly verify?: boolean;
  readonly commit?: boolean;
  /** Fails when the old settings are restored. */
  readonly putBack?: boolean;
}

/** A reloader that records its calls and its active settings. */
class TestReloader implements Reloadable {
  inForce: Settings | null;
  readonly name: string;
  readonly #faults: Faults;
  readonly #story: string[];

  constructor(name: string, options: { from: Settings | null; story: string[]; faults?: Faults }) {
    this.name = name;
    this.inForce = options.from;
    this.#faults = options.faults ?? {};
    this.#story = options.story;
  }

  verify(_from: Settings | null, to: Settings): void {
    if (to === NEW) this.#story.push(`verify ${this.name}`);
    if (to === NEW && this.#faults.verify) throw BROKEN;
  }

  commit(_from: Settings | null, to: Settings): Promise<{ changes: [] }> {
    this.#story.push(`${to === NEW ? 'commit' : 'put back'} ${this.name}`);
    if (to === NEW ? this.#faults.commit : this.#faults.putBack) return Promise.reject(BROKEN);
    this.inForce = to;
    return Promise.resolve({ changes: [] });
  }
}

function makeReloaders(faults: readonly Faults[], from: Settings | null = OLD) {
  const story: string[] = [];
  const reloaders = faults.map((fault, index) => new TestReloader('abcdefgh'[index]!, { from, story, faults: fault }));
  return { reloaders, story };
}

describe('applySettings', () => {
  it('commits in every reloader after all have verified', async () => {
    const { reloaders, story } = makeReloaders([{}, {}, {}]);
    const result = await applySettings(reloaders, OLD, NEW);

    expect(story).toEqual(['verify a', 'verify b', 'verify c', 'commit a', 'commit b', 'commit c']);
    expect(result).toMatchObject({ ok: true, reports: [{ reloader: 'a' }, { reloader: 'b' }, { reloader: 'c' }] });
    expect(reloaders.every(({ inForce }) => inForce === NEW)).toBe(true);
  });

  it('commits nothing if a reloader does not verify, and names each of them', async () => {
    const { reloaders, story } = makeReloaders([{}, { verify: true }, {}, { verify: true }]);
    const result = await applySettings(reloaders, OLD, NEW);

    expect(story).toEqual(['verify a', 'verify b', 'verify c', 'verify d']);
    expect(result).toMatchObject({
      ok: false,
      stage: 'verify',
      failures: [{ reloader: 'b', error: BROKEN }, { reloader: 'd' }],
      notPutBack: [],
    });
  });

  it('restores earlier reloaders in reverse order if one does not commit', async () => {
    const { reloaders, story } = makeReloaders([{}, {}, { commit: true }, {}]);
    const result = await applySettings(reloaders, OLD, NEW);

    expect(story.slice(4)).toEqual(['commit a', 'commit b', 'commit c', 'put back b', 'put back a']);
    expect(result).toMatchObject({ ok: false, stage: 'commit', failures: [{ reloader: 'c' }], notPutBack: [] });
    expect(reloaders.every(({ inForce }) => inForce === OLD)).toBe(true);
  });

  it('names a reloader that cannot be restored and restores the others', async () => {
    const { reloaders } = makeReloaders([{}, { putBack: true }, {}, { commit: true }]);
    const result = await applySettings(reloaders, OLD, NEW);

    expect(result).toMatchObject({ failures: [{ reloader: 'd' }], notPutBack: [{ reloader: 'b', error: BROKEN }] });
    expect(reloaders.map(({ inForce }) => inForce === OLD)).toEqual([true, false, true, true]);
  });

  it('restores nothing at start', async () => {
    const { reloaders, story } = makeReloaders([{}, { commit: true }], null);
    const result = await applySettings(reloaders, null, NEW);

    expect(result).toMatchObject({ ok: false, stage: 'commit', failures: [{ reloader: 'b' }], notPutBack: [] });
    expect(story).toEqual(['verify a', 'verify b', 'commit a', 'commit b']);
  });

  it('reports a defect as INTERNAL', async () => {
    const reloader: Reloadable = {
      name: 'odd',
      verify: () => Promise.reject(new TypeError('x is not a function')),
      commit: () => Promise.resolve({ changes: [] }),
    };

    expect(await applySettings([reloader], OLD, NEW)).toMatchObject({
      failures: [{ reloader: 'odd', error: { code: 'INTERNAL' } }],
    });
  });

  it('applies all or nothing for any failures, and names failed restores', async () => {
    const fault = fc.record({ verify: fc.boolean(), commit: fc.boolean(), putBack: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 6 }), async (faults) => {
        const { reloaders } = makeReloaders(faults);
        const result = await applySettings(reloaders, OLD, NEW);
        const wrong = reloaders.filter(({ inForce }) => inForce !== (result.ok ? NEW : OLD)).map(({ name }) => name);
        expect(wrong).toEqual(result.ok ? [] : result.notPutBack.map(({ reloader }) => reloader).toReversed());
      }),
    );
  });
});
