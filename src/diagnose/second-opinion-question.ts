// What crosses to and from the thread of the second opinion. Types only, all of it plain data.

/** Whom one leg trusts and what is shown there, as PEM texts. */
export interface WitnessTrust {
  /** Null means the roots that come with Node. */
  readonly ca: string | null;
  /** Null means those of Node. */
  readonly ciphers: string | null;
  readonly identity: { readonly certificate: string; readonly key: string; readonly passphrase: string | null } | null;
}

export interface OpinionQuestion {
  /** http, https, ws or wss; for the latter two the upgrade is requested. */
  readonly url: string;
  /** With user and password where they are lent. Every request goes there. */
  readonly proxyUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent: string;
  readonly target: WitnessTrust;
  readonly proxy: WitnessTrust;
  /** One of these keys must be in the chain of the target; none where empty. */
  readonly pins: readonly string[];
}

/** How far it came: the proxy (also its name, TLS to it and its login), TLS to the target, the response. */
export type OpinionStage = 'proxy' | 'tls' | 'response';

export type OpinionAnswer =
  /** `proxy`: instead of a tunnel. */
  | { readonly kind: 'answered'; readonly by: 'proxy' | 'target'; readonly status: number }
  | {
      readonly kind: 'failed';
      readonly at: OpinionStage;
      /** `ECONNREFUSED` and the like; null where Node has none. */
      readonly code: string | null;
      readonly reason: string;
      /** Whether the login of a SOCKS proxy was refused. */
      readonly loginRefused: boolean;
    };

/** What the thread tells: each stage as it begins, and one answer. */
export type OpinionReport = OpinionAnswer | { readonly kind: 'stage'; readonly at: OpinionStage };
