/** The page with a list from which a job was opened, with its filters, for the way back. */

interface Origin {
  readonly address: string;
  readonly word: string;
}

let origin: Origin = { address: '/queue', word: 'Queue' };

export function cameFrom(): Origin {
  return origin;
}

export function noteOrigin(next: Origin): void {
  origin = next;
}
