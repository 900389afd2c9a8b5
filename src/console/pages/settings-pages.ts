// The pages that change the configuration. They are loaded when one of them is opened, and share a script.

import { ConfigurationPage } from './settings/configuration.tsx';
import { ProxyProfilesPage } from './settings/proxy-profiles.tsx';
import { ProxySettingsPage } from './settings/proxy-settings.tsx';
import { ResponseTimeoutPage } from './settings/response-timeout.tsx';

/** By their addresses. */
export const SETTINGS_PAGES = {
  'proxy-settings': ProxySettingsPage,
  'proxy-profiles': ProxyProfilesPage,
  'response-timeout': ResponseTimeoutPage,
  configuration: ConfigurationPage,
};
