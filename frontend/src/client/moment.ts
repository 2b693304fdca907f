/** A moment of the past, as `as_of` names it: a cursor, or an RFC 3339 time. It lives in the page's address. */

const NAME = 'as_of';

/** The moment that an address's query string names; null where it is about now. */
export function momentOf(search: string): string | null {
  const asOf = new URLSearchParams(search).get(NAME);
  return asOf === null || asOf === '' ? null : asOf;
}

/** The address, at that moment; one that names a moment itself keeps its own. */
export function atMoment(address: string, asOf: string | null): string {
  const [path = '', search = ''] = address.split('?', 2);
  const params = new URLSearchParams(search);
  if (asOf === null || momentOf(search) !== null) return address;
  params.set(NAME, asOf);
  return `${path}?${params}`;
}

/** The address, at that moment and at no other; null makes it about now. */
export function movedTo(address: string, asOf: string | null): string {
  const [path = '', search = ''] = address.split('?', 2);
  const params = new URLSearchParams(search);
  params.delete(NAME);
  if (asOf !== null) params.set(NAME, asOf);
  return params.size === 0 ? path : `${path}?${params}`;
}

/** The place so many events after a cursor, or before it where negative. */
export function stepped(cursor: string, by: number): string {
  const [epoch = '1', position = '0'] = cursor.split('.', 2);
  return `${epoch}.${Math.max(0, Number(position) + by)}`;
}
