// `sallyport config edit` with a real file and real editors: only a text without errors replaces the file.

import { chmod, lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configEditCommand } from '#cli/settings/config-edit.ts';
import { EditedCopy } from '#config/editing/edited-copy.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { CommandRig, type Script } from '#test/support/command-rig.ts';

const FILE = 'version: 2\n# ours\nupdates:\n  parallel: 1\n';

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(FILE);
});
afterEach(() => rig.folder.remove());

/** Runs the command with an editor that is a shell script; `$1` is the copy. */
async function edit(script: string, answers?: Script) {
  const editor = await rig.folder.write('editor.sh', `#!/bin/sh\n${script}\n`, 0o700);
  await chmod(join(rig.folder.path, 'editor.sh'), 0o700);
  void editor;
  const environment = { PATH: process.env['PATH'], EDITOR: `/bin/sh ${join(rig.folder.path, 'editor.sh')}` };
  return await rig.run((context) => configEditCommand(context, { environment }), answers);
}

const inFolder = async () => (await readdir(rig.folder.path)).filter((name) => name !== 'editor.sh');

describe('config edit', () => {
  it('config edit: replaces the file, keeps its mode, and leaves no copy', async () => {
    const { mode } = await lstat(rig.file);
    const { status, out } = await edit('stat -c %a "$(dirname "$1")" > "$(dirname "$1")/../mode"; sed -i s/1$/4/ "$1"');
    expect({ status, last: out.at(-1) }).toEqual({
      status: 0,
      last: 'No daemon is running; the change applies at the next start.',
    });
    expect(await rig.text()).toBe(FILE.replace('parallel: 1', 'parallel: 4'));
    expect((await lstat(rig.file)).mode).toBe(mode);
    expect(await rig.read('mode')).toBe('700\n');
    expect(await inFolder()).toEqual(['mode', 'sallyport.yaml']);
  });

  it('config edit: a text with errors is shown and not saved', async () => {
    const { status, err } = await edit('sed -i "s/1$/99/" "$1"');
    expect(status).toBe(78);
    expect(err.join('\n')).toMatch(/sallyport\.yaml:4:13: updates\.parallel/);
    expect(await rig.text()).toBe(FILE);
    expect(await inFolder()).toEqual(['sallyport.yaml']);
  });

  it('config edit: at a terminal an error can be fixed in the same text', async () => {
    const script = 'if grep -q 99 "$1"; then sed -i s/99/2/ "$1"; else sed -i "s/1$/99/" "$1"; fi';
    const { status, asked } = await edit(script, [['Edit again', 'e']]);
    expect({ status, count: asked.length }).toEqual({ status: 0, count: 1 });
    expect(await rig.text()).toBe(FILE.replace('parallel: 1', 'parallel: 2'));
  });

  it('config edit: at a terminal quitting saves nothing', async () => {
    expect((await edit('sed -i "s/1$/99/" "$1"', [['Edit again', 'q']])).status).toBe(78);
    expect(await rig.text()).toBe(FILE);
  });

  it('config edit: repairs a file that has errors', async () => {
    await writeFile(rig.file, 'version: 2\nupdates:\n  parallel: 99\n');
    expect((await edit('sed -i s/99/2/ "$1"')).status).toBe(0);
    expect((await rig.settings()).updates.parallel).toBe(2);
  });

  it('config edit: an unchanged text writes nothing', async () => {
    const before = await lstat(rig.file);
    const { status, out } = await edit('true');
    expect({ status, out }).toEqual({ status: 0, out: [`${rig.file} is unchanged.`] });
    expect((await lstat(rig.file)).ino).toBe(before.ino);
  });

  it.each([
    ['exit 3', 'it ended with status 3'],
    ['kill -KILL $$', 'it was ended by SIGKILL'],
  ])('config edit: an editor that fails (%s) changes nothing', async (script, reason) => {
    await expect(edit(`echo broken > "$1"; ${script}`)).rejects.toMatchObject({
      code: 'EDITOR-FAILED',
      message: expect.stringContaining(reason),
    });
    expect(await rig.text()).toBe(FILE);
    expect(await inFolder()).toEqual(['sallyport.yaml']);
  });

  it('config edit: an editor that does not exist is named', async () => {
    const environment = { EDITOR: '/no/such/editor' };
    await expect(rig.run((context) => configEditCommand(context, { environment }))).rejects.toMatchObject({
      code: 'EDITOR-FAILED',
      message: expect.stringContaining('it did not start (ENOENT)'),
    });
  });

  it('config edit: keeps the text if another program changes the file meanwhile', async () => {
    const run = edit(`echo '# theirs' >> '${rig.file}'; sed -i s/1$/4/ "$1"`);
    await expect(run).rejects.toMatchObject({ code: 'CONFIG-CHANGED' });
    expect(await readFile(rig.file, 'utf8')).toContain('# theirs');
    const kept = join(rig.folder.path, '.sallyport.yaml.edit', 'sallyport.yaml');
    expect(await readFile(kept, 'utf8')).toContain('parallel: 4');

    const { err } = await edit('true');
    expect(err).toEqual([`An earlier edit did not end. Its text is in ${kept}.previous.`]);
    expect(await readFile(`${kept}.previous`, 'utf8')).toContain('parallel: 4');
  });

  it('config edit: a second edit at the same time is refused', async () => {
    const draft = await EditedCopy.make({ path: rig.file, text: FILE }, { files: realFiles, clock: systemClock });
    await expect(edit('true')).rejects.toMatchObject({
      code: 'CONFIG-EDITED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await draft.remove();
    expect((await edit('true')).status).toBe(0);
  });
});
