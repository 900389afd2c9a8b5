// The commands for vendors: serve a folder as an update server, build its feed, and sign it (`signing-actions.ts`).

import type { BuildArguments, FeedActions, ServeArguments } from '#cli/program/program-feed.ts';
import type { VendorActions } from '#cli/program/program-vendor.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import type { LicenseSigner } from '#origin/platform/licenses/license.ts';
import { untilAborted } from '#system/abort.ts';
import type { SigningHost } from './signing-host.ts';

/** The commands, under the names that the program calls. `host.stopping` ends the server. */
export function vendorActions(host: SigningHost): FeedActions & VendorActions {
  const { terminal, stopping } = host;
  const signing = async () => (await import('./signing-actions.ts')).signingActions(host);
  const fleet = () => import('./fleet-actions.ts');
  const license = () => import('./license-actions.ts');
  return {
    makeKey: async (name, options) => await (await signing()).makeKey(name, options),
    listKeys: async (options) => await (await signing()).listKeys(options),
    showKey: async (name, options) => await (await signing()).showKey(name, options),
    rotateKeys: async (options) => await (await signing()).rotateKeys(options),
    delegate: async (team, options) => await (await signing()).delegate(team, options),
    signFeed: async (draft, options) => await (await signing()).signFeed(draft, options),
    feedStatus: async (options) => await (await signing()).feedStatus(options),
    fleetList: async (dir, options) => await (await fleet()).fleetList(terminal, dir, options),
    fleetShow: async (dir, agent, options) => await (await fleet()).fleetShow(terminal, { dir, agent }, options),
    fleetPush: async (dir, target, options) => await (await fleet()).fleetPush(terminal, { dir, ...target }, options),
    licenseAdd: async (dir, options) => await (await fleet()).licenseAdd(terminal, dir, options),
    licenseList: async (dir, options) => await (await fleet()).licenseList(terminal, dir, options),
    licenseRevoke: async (dir, id) => await (await fleet()).licenseRevoke(terminal, dir, id),
    licenseExtend: async (dir, id, { expires }) => await (await fleet()).licenseExtend(terminal, dir, { id, expires }),
    licenseSign: async (request, options) => await (await license()).licenseSign(host, request, options),
    licenseKey: async (name, options) => await (await license()).licenseKey(host, name, options),
    serve: async (dir, { host: address, port, publicUrl, ...keys }) => {
      const licenseSigner = keys.licenseKey === undefined ? undefined : await openLicenseSigner(host, keys);
      const { startOrigin } = await import('#origin/server.ts');
      const origin = await startOrigin({
        dir,
        host: address,
        port,
        platform: { licenseSigner, publicOrigin: publicUrl },
        onAnswered: ({ method, target, status, bytes }) =>
          terminal.out(`${status ?? '-'} ${showForeign(method)} ${showForeign(target)} ${bytes} bytes`),
      });
      terminal.out(`Serving ${dir}.`);
      if (origin.signed === null || origin.hasFeed) terminal.out(`  updates.feed_url: ${origin.feedUrl}`);
      if (origin.signed !== null) {
        terminal.out('  updates.trust: tuf');
        terminal.out(`  updates.tuf.metadata_url: ${origin.signed.metadataUrl}`);
        terminal.out(`  updates.tuf.targets_url: ${origin.signed.targetsUrl}`);
        terminal.out(`  updates.tuf.root_file: a copy of ${origin.signed.rootFile}`);
      }
      terminal.out(`  updates.acknowledge_url: ${origin.acknowledgeUrl}`);
      terminal.out(`  exposure_analytics.url: ${origin.analyticsUrl}`);
      terminal.out(`  support_logs.url: ${origin.supportLogsUrl}`);
      terminal.out(`  platform.url: ${origin.linkUrl}`);
      if (licenseSigner !== undefined) {
        terminal.out(`  activation.url: ${origin.activationUrl}`);
        terminal.out(`  activation.license_keys: [${licenseSigner.publicKey}]`);
      }
      terminal.out(`Documents are stored in ${origin.documentsFile}, bundles in ${origin.bundlesDir}.`);
      terminal.out('Ctrl-C stops it.');
      await untilAborted(stopping);
      await origin.close();
      return EXIT_OK;
    },
    buildFeed: async (dir, { tuf, ...options }) => {
      if (tuf !== undefined) return await (await signing()).buildSigned(dir, { ...options, tuf });
      return await buildUnsigned(terminal, dir, options);
    },
  };
}

/** `feed build` without a repository */
async function buildUnsigned(
  terminal: SigningHost['terminal'],
  dir: string,
  { licenseKeys, expiresDays }: Pick<BuildArguments, 'licenseKeys' | 'expiresDays'>,
): Promise<number> {
  if (licenseKeys !== undefined) throw new UsageError('--license-keys needs --tuf, a signed repository.');
  const builder = await import('#origin/feed-builder.ts');
  const built = await builder.buildFeed(dir, { expiresDays });
  for (const warning of built.warnings) terminal.err(warning);
  const { serial, items, expires } = built.feed;
  const state = built.changed ? 'written' : 'already up to date';
  const updates = items.length === 1 ? 'update' : 'updates';
  terminal.out(`${built.path}: ${state}; serial ${serial}, ${items.length} ${updates}, expires ${expires}.`);
  return EXIT_OK;
}

/** The key that signs licenses. It is opened now, so that a wrong passphrase is noticed before the first activation. */
async function openLicenseSigner(
  host: SigningHost,
  options: Pick<ServeArguments, 'licenseKey' | 'keys' | 'passphraseFile'>,
): Promise<LicenseSigner> {
  const { openSigner } = await import('./signing-host.ts');
  const { signerOfFolder } = await import('#origin/platform/licenses/license-signer.ts');
  const signer = signerOfFolder(await openSigner(host, options), options.licenseKey ?? '');
  await signer.sign(new Uint8Array());
  return signer;
}
