import { expect, test } from 'vitest';
import { event } from '@/client/scripted';
import { Tail } from './tail';

const shown = (tail: Tail) => tail.select(new Set(), '').map(({ cursor }) => cursor);

test('what comes again is told once, in what is older and in what is newer', () => {
  const tail = new Tail();
  tail.add([event(5), event(6)]);
  tail.add([event(6), event(7)]);
  tail.begin([event(4), event(5)]);
  expect(shown(tail)).toEqual(['1.7', '1.6', '1.5', '1.4']);
  expect(tail.added).toBe(3);
});

test('of very many the newest are kept', () => {
  const tail = new Tail();
  tail.add(Array.from({ length: 7_000 }, (_, at) => event(at + 1)));
  expect(shown(tail)[0]).toBe('1.7000');
});
