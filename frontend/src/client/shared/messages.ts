/** What a tab and the shared worker say to each other. */

import type { ConnectionState, Delivery } from '../facts';

export type FromTab =
  | { readonly say: 'join'; readonly token: string | null }
  | { readonly say: 'leave' }
  | { readonly say: 'wake' }
  | { readonly say: 'cover'; readonly cursor: string }
  | { readonly say: 'token'; readonly token: string | null };

/** The state without the token: a tab that was given none must not learn it from another. */
type SharedState = Omit<ConnectionState, 'token'>;

export type FromWorker =
  | { readonly say: 'state'; readonly state: SharedState }
  | { readonly say: 'delivery'; readonly delivery: Delivery };
