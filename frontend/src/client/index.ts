/** The client, for a page of your own: `useJobsWebSocket` for React, the rest for anything else. */

export { Access } from './access';
export { Connection, type Link } from './connection';
export type { ConnectionPhase, ConnectionState, Delivery, Settings } from './facts';
export { drawSoon, Feed } from './feed';
export type { Change, EventType, Job, JobEvent, Json, Stats, Status } from './protocol';
export { type JobsWebSocket, type JobsWebSocketOptions, useJobsWebSocket } from './react/useJobsWebSocket';
export { isNews } from './reducer';
export { Problem, Rest, Unreachable } from './rest';
export { browserWorld } from './world';
