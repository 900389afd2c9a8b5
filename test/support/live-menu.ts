// The menu over a real configuration file. Its own ports carry out its changes, with a daemon of the test.

import type { SizeName, TriedStage } from '#menu/model/screens.ts';
import type { MenuPorts } from '#menu/ports.ts';
import { ownFilePorts } from '#menu/use-cases.ts';
import type { CommandRig } from '#test/support/command-rig.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { MenuDriver } from '#test/support/menu-driver.ts';

export class LiveMenu extends MenuDriver {
  readonly #ports: MenuPorts;
  #performed = 0;

  constructor(size: SizeName, ports: MenuPorts) {
    super(size);
    this.#ports = ports;
    this.effects.push({ kind: 'look', pin: null });
  }

  /** A menu of a user who can write the file of the rig, at its first screen. */
  static async over(rig: CommandRig, size: SizeName = '80x24'): Promise<LiveMenu> {
    const context = rig.context(fakeTerminal());
    const ports = ownFilePorts({
      clock: context.clock,
      keepSecret: context.keepSecret,
      context: (signal) => ({ ...context, signal }),
    });
    return await new LiveMenu(size, ports).settle();
  }

  /** Does what the menu wants done, until it only waits for keys. */
  async settle(): Promise<this> {
    for (; this.#performed < this.effects.length; this.#performed += 1) {
      const effect = this.effects[this.#performed];
      const { signal } = new AbortController();
      if (effect?.kind === 'look') {
        const look = await this.#ports.look(effect.pin, signal);
        if (look.kind === 'locked') this.send({ kind: 'locked', note: look.isWrong ? 'WRONG PIN' : '' });
        else this.send({ kind: 'facts', facts: look.facts, outcome: look.outcome });
      }
      if (effect?.kind === 'change') {
        const onStage = (stage: TriedStage) => void this.send({ kind: 'stage', stage });
        this.send({ kind: 'changed', result: await this.#ports.change(effect, onStage, signal) });
      }
    }
    return this;
  }
}
