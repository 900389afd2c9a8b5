// Runs the commands that sign feeds. Those of `sallyport feed keys` are here. The others are in `signing-drafts.ts` and
// are loaded when they are called.

import { resolve } from 'node:path';
import type { BuildArguments, FeedActions, MakeKeyArguments } from '#cli/program/program-feed.ts';
import { printJson } from '#cli/terminal/json.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { realFiles } from '#system/real-files.ts';
import { newPassphrase, openSigner, readInput, type SigningHost } from './signing-host.ts';
import { keyLines } from './signing-text.ts';

type Actions = Omit<FeedActions, 'serve' | 'buildFeed'> & {
  buildSigned(dir: string, options: BuildArguments & { readonly tuf: string }): Promise<number>;
};

/** The commands, under the names that the program calls. */
export function signingActions(host: SigningHost): Actions {
  const { terminal } = host;
  const drafts = () => import('./signing-drafts.ts');
  return {
    makeKey: (name, options) => makeKeyCommand(host, name, options),
    listKeys: async ({ keys, json }) => {
      const { listSigningKeys } = await import('#origin/signing/key-folder.ts');
      const known = await listSigningKeys({ files: realFiles, dir: resolve(keys) });
      if (json)
        printJson(
          terminal,
          known.map(({ name, keyId, key, signsBy }) => ({ name, keyid: keyId, key, signs_by: signsBy })),
        );
      else for (const line of keyLines(known, terminal)) terminal.out(line);
      return EXIT_OK;
    },
    showKey: async (name, { keys }) => {
      const { namedKeys, renderPublic } = await import('#origin/signing/key-folder.ts');
      for (const key of await namedKeys({ files: realFiles, dir: resolve(keys) }, [name])) {
        terminal.out(renderPublic(key).trimEnd());
      }
      return EXIT_OK;
    },
    rotateKeys: async (options) => await (await drafts()).rotateCommand(host, options),
    delegate: async (team, options) => await (await drafts()).delegateCommand(host, team, options),
    signFeed: async (draft, options) => {
      const { renewCommand, signCommand } = await drafts();
      return draft === null ? await renewCommand(host, options) : await signCommand(host, draft, options);
    },
    feedStatus: async (options) => await (await drafts()).feedStatusCommand(host, options),
    buildSigned: async (dir, options) => await (await drafts()).buildCommand(host, dir, options),
  };
}

async function makeKeyCommand(host: SigningHost, name: string, options: MakeKeyArguments): Promise<number> {
  const { terminal } = host;
  const { addKey, forgetKey, makeKey } = await import('#origin/signing/key-folder.ts');
  const folder = { files: realFiles, dir: resolve(options.keys) };
  if (options.public === undefined) {
    if (options.signer !== undefined) throw new UsageError('--signer needs --public, the public half of its key.');
    const { SCRYPT_WORK } = await import('#origin/signing/private-key.ts');
    const passphrase = await newPassphrase(host, name, options);
    const made = await makeKey(folder, name, { passphrase, scryptWork: host.scryptWork ?? SCRYPT_WORK });
    terminal.out(`Made the key ${name} (${made.keyId}).`);
    terminal.out(`  ${folder.dir}/${name}.key  private, encrypted with the passphrase: keep copies in two safes`);
    terminal.out(`  ${folder.dir}/${name}.pub  public: for the person who runs feed rotate`);
    return EXIT_OK;
  }
  const pem = await readInput(options.public);
  const added = await addKey(folder, name, { pem, command: options.signer ?? null });
  if (options.signer !== undefined) {
    try {
      // Signs bytes that no agent accepts as metadata, and compares the result with the public half.
      await (await openSigner(host, options)).signBytes(added.keyId, Buffer.from(`test of the signer of ${name}\n`));
    } catch (thrown) {
      await forgetKey(folder, name);
      throw thrown;
    }
  }
  terminal.out(`Added the key ${name} (${added.keyId}).`);
  return EXIT_OK;
}
