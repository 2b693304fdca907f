import { createContext } from 'react';
import type { Feeds } from '../feeds';

/** The feeds to follow; without it a component follows the server that served the page. */
export const FeedsContext = createContext<Feeds | null>(null);
