// The messages to and from the thread that makes the second opinion. Types only, all plain data.

/** The CAs to trust and the certificate to show on one TLS connection, as PEM texts. */
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
  /** With user and password where they may be used. Every request goes there. */
  readonly proxyUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly userAgent: string;
  readonly target: WitnessTrust;
  readonly proxy: WitnessTrust;
  /** One of these keys must be in the target's chain; empty means no pins. */
  readonly pins: readonly string[];
}

/** The stage it reached: the proxy (including its name, TLS to it and its login), TLS to the target, the response. */
export type OpinionStage = 'proxy' | 'tls' | 'response';

export type OpinionAnswer =
  /** `proxy`: instead of a tunnel. */
  | { readonly kind: 'answered'; readonly by: 'proxy' | 'target'; readonly status: number }
  | {
      readonly kind: 'failed';
      readonly at: OpinionStage;
      /** `ECONNREFUSED` and similar; null when Node has none. */
      readonly code: string | null;
      readonly reason: string;
      /** Whether the login of a SOCKS proxy was rejected. */
      readonly loginRefused: boolean;
    };

/** The reports of the thread: each stage as it starts, and one answer. */
export type OpinionReport = OpinionAnswer | { readonly kind: 'stage'; readonly at: OpinionStage };
