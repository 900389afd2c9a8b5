import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

async function warned(updates: string) {
  const { warnings } = await folder.accept(`version: 2\nupdates: {${updates}}\n`);
  return warnings.map(({ key, message }) => `${key}: ${message}`);
}

const entry = (hours: string, rate = 9_000) => `{hours: "${hours}", bytes_per_second: ${rate}}`;

describe('limit rules', () => {
  it('warn about a bandwidth or window that limits nothing', async () => {
    expect(await warned('bandwidth: {}')).toEqual([
      expect.stringMatching(/^updates\.bandwidth: This limits nothing\./),
    ]);
    expect(await warned('bandwidth: {by_time: [{hours: "22:00-05:00"}]}')).toHaveLength(1);
    expect(await warned('window: {}')).toEqual([expect.stringMatching(/^updates\.window: This limits nothing\./)]);
  });

  it('warn about hours that earlier entries include', async () => {
    const covered = [entry('Mon-Fri 06:00-12:00'), entry('12:00-20:00'), entry('Tue,Thu 08:00-18:00')].join(', ');
    expect(await warned(`bandwidth: {by_time: [${covered}]}`)).toEqual([
      expect.stringMatching(/^updates\.bandwidth\.by_time\[2\]\.hours: This entry never applies/),
    ]);
    const night = [entry('22:00-05:00'), entry('Sun 23:00-04:00')].join(', ');
    expect(await warned(`bandwidth: {by_time: [${night}]}`)).toHaveLength(1);
  });

  it('accept hours that overlap only in part', async () => {
    const partly = [entry('Mon-Fri 08:00-18:00'), entry('Fri 08:00-19:00'), entry('00:00-24:00')].join(', ');
    expect(await warned(`bandwidth: {by_time: [${partly}]}`)).toEqual([]);
    expect(await warned('window: {download: ["Mon-Fri 20:00-06:00"], publish: ["Sun 01:00-05:00"]}')).toEqual([]);
  });

  it('warn about a general limit if the entries include the whole week', async () => {
    const week = [entry('08:00-18:00'), '{hours: "18:00-08:00"}'].join(', ');
    expect(await warned(`bandwidth: {bytes_per_second: 5000, by_time: [${week}]}`)).toEqual([
      expect.stringMatching(/^updates\.bandwidth\.bytes_per_second: This limit never applies/),
    ]);
  });

  it('refuse a list without hours, and name the hours that are written wrongly', async () => {
    const refused = async (text: string) => (await folder.refuse(`version: 2\nupdates: {${text}}\n`)).problems;
    expect(await refused('window: {download: []}')).toMatchObject([{ key: 'updates.window.download' }]);
    expect(await refused('window: {publish: ["22:00-22:00"]}')).toMatchObject([
      { key: 'updates.window.publish[0]', found: '22:00-22:00' },
    ]);
  });
});
