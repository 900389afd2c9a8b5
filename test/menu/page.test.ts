// The screens of docs/menu.md are those of the menu: each block is a frame, made by the keys of a person.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SizeName } from '#menu/model/screens.ts';
import { MenuDriver, someFacts } from '#test/support/menu-driver.ts';

const PAGE = readFileSync(new URL('../../docs/menu.md', import.meta.url), 'utf8');
const SENSOR = { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' } as const;

/** The screens in the order of the page. */
function screensOf(size: SizeName): string[] {
  const driver = MenuDriver.at(someFacts(), size);
  const shots: string[] = [];
  const shoot = () => shots.push(driver.screen);
  shoot();
  driver.press('enter');
  shoot();
  driver.press('enter');
  shoot();
  driver.press('enter');
  shoot();
  driver.press('escape').type('PROXY.EXAMPLE.COM').press('enter');
  shoot();
  driver.press('enter').type('svc').press('enter').type('secret');
  shoot();
  driver.press('enter');
  shoot();
  driver.press('enter').send({ kind: 'stage', stage: { stage: 'tunnel', purpose: 'updates', code: null } });
  shoot();
  driver.send({ kind: 'changed', result: { kind: 'made', outcome: SENSOR, note: null } });
  shoot();
  return shots;
}

/** A small display as a block of the page, with its frame. */
function boxed(screen: string): string {
  const rows = screen.split('\n').map((row) => `|${row.padEnd(16)}|`);
  return ['+----------------+', ...rows, '+----------------+'].join('\n');
}

it('docs/menu.md: its large screen is that of the menu', () => {
  expect(PAGE).toContain(`\`\`\`\n${screensOf('80x24')[6] ?? ''}\n\`\`\``);
});

it('docs/menu.md: its small screens are those of the menu, in their order', () => {
  const blocks = [...PAGE.matchAll(/^(\+-{16}\+\n\|.{16}\|\n\|.{16}\|\n\+-{16}\+)$/gm)].map(([, block]) => block);
  expect(blocks).toEqual(screensOf('16x2').map(boxed));
});
