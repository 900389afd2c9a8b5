/** One request by the whole program with one profile, as an admin would configure it. */
import { composeIn } from './composed.ts';
import { reach } from './targets.ts';

export interface ComposedRequest {
  /** Null goes without a proxy. */
  readonly profile: object | null;
  readonly url: URL;
  /** Whom the target is trusted by, and a proxy that is spoken to over TLS. */
  readonly caFile: string;
  readonly settings?: object;
  readonly environment?: Readonly<Record<string, string>>;
}

/** `passed`, or the code of what failed. */
export async function askComposed({
  profile,
  url,
  caFile,
  settings = {},
  environment = {},
}: ComposedRequest): Promise<string> {
  const composed = await composeIn(
    {
      updates: { ca_file: caFile },
      proxies: profile === null ? [] : [{ name: 'corp', default: true, ...profile }],
      ...settings,
    },
    'command',
    { environment },
  );
  try {
    return await reach(composed.parts.ports.router, url, 'updates');
  } finally {
    await composed.remove();
  }
}
