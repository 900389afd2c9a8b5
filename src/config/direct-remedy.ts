// What to change if a setting leads to a direct connection that is not allowed (POLICY-DIRECT). Pure.

/** The remedy for each rule of the settings, as an instruction that follows "Either". */
export const DIRECT_REMEDIES = {
  disabled: 'set proxy_enabled: true',
  noProxies: 'add a proxy (sallyport proxy add)',
  use: (purpose: string) => `set use_proxy_for.${purpose} to a proxy`,
} as const;
