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
  /** Fails when it is put back. */
  readonly putBack?: boolean;
}

/** A room that writes down what it was asked, and what it works with. */
class Room implements Reloadable {
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

function makeRooms(faults: readonly Faults[], from: Settings | null = OLD) {
  const story: string[] = [];
  const rooms = faults.map((fault, index) => new Room('abcdefgh'[index]!, { from, story, faults: fault }));
  return { rooms, story };
}

describe('settings come into force', () => {
  it('in every room, after every room has verified', async () => {
    const { rooms, story } = makeRooms([{}, {}, {}]);
    const result = await applySettings(rooms, OLD, NEW);

    expect(story).toEqual(['verify a', 'verify b', 'verify c', 'commit a', 'commit b', 'commit c']);
    expect(result).toMatchObject({ ok: true, reports: [{ room: 'a' }, { room: 'b' }, { room: 'c' }] });
    expect(rooms.every(({ inForce }) => inForce === NEW)).toBe(true);
  });

  it('in no room when one does not verify; every one that does not is named', async () => {
    const { rooms, story } = makeRooms([{}, { verify: true }, {}, { verify: true }]);
    const result = await applySettings(rooms, OLD, NEW);

    expect(story).toEqual(['verify a', 'verify b', 'verify c', 'verify d']);
    expect(result).toMatchObject({
      ok: false,
      stage: 'verify',
      failures: [{ room: 'b', error: BROKEN }, { room: 'd' }],
      notPutBack: [],
    });
  });

  it('in no room when one does not commit: the earlier ones are put back in reverse order', async () => {
    const { rooms, story } = makeRooms([{}, {}, { commit: true }, {}]);
    const result = await applySettings(rooms, OLD, NEW);

    expect(story.slice(4)).toEqual(['commit a', 'commit b', 'commit c', 'put back b', 'put back a']);
    expect(result).toMatchObject({ ok: false, stage: 'commit', failures: [{ room: 'c' }], notPutBack: [] });
    expect(rooms.every(({ inForce }) => inForce === OLD)).toBe(true);
  });

  it('and a room that cannot be put back is named, and the others are put back all the same', async () => {
    const { rooms } = makeRooms([{}, { putBack: true }, {}, { commit: true }]);
    const result = await applySettings(rooms, OLD, NEW);

    expect(result).toMatchObject({ failures: [{ room: 'd' }], notPutBack: [{ room: 'b', error: BROKEN }] });
    expect(rooms.map(({ inForce }) => inForce === OLD)).toEqual([true, false, true, true]);
  });

  it('at start there is nothing to put back', async () => {
    const { rooms, story } = makeRooms([{}, { commit: true }], null);
    const result = await applySettings(rooms, null, NEW);

    expect(result).toMatchObject({ ok: false, stage: 'commit', failures: [{ room: 'b' }], notPutBack: [] });
    expect(story).toEqual(['verify a', 'verify b', 'commit a', 'commit b']);
  });

  it('a fault of ours is told as one', async () => {
    const room: Reloadable = {
      name: 'odd',
      verify: () => Promise.reject(new TypeError('x is not a function')),
      commit: () => Promise.resolve({ changes: [] }),
    };

    expect(await applySettings([room], OLD, NEW)).toMatchObject({
      failures: [{ room: 'odd', error: { code: 'INTERNAL' } }],
    });
  });

  it('all or nothing, whichever room fails when, unless a put-back fails, which is told', async () => {
    const fault = fc.record({ verify: fc.boolean(), commit: fc.boolean(), putBack: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 6 }), async (faults) => {
        const { rooms } = makeRooms(faults);
        const result = await applySettings(rooms, OLD, NEW);
        const wrong = rooms.filter(({ inForce }) => inForce !== (result.ok ? NEW : OLD)).map(({ name }) => name);
        expect(wrong).toEqual(result.ok ? [] : result.notPutBack.map(({ room }) => room).toReversed());
      }),
    );
  });
});
