import { expect, test } from 'vitest';
import { Access, type Keep } from './access';

class Kept implements Keep {
  readonly #items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

test('beyond its tab a token is kept only where somebody said so, and until it is forgotten', () => {
  const machine = new Kept();
  const first = new Access(new Kept(), machine);
  first.give('right');
  expect(new Access(new Kept(), machine).token()).toBeNull();
  first.give('right', true);
  const tab = new Kept();
  const second = new Access(tab, machine);
  expect([second.token(), second.remembered()]).toEqual(['right', true]);
  second.forget();
  expect([second.token(), second.remembered()]).toEqual(['right', false]);
  expect(new Access(new Kept(), machine).token()).toBeNull();
  expect(new Access(tab, machine).token(), 'the tab is loaded anew').toBe('right');
});

test('a token that is refused is forgotten, and a newer one of another tab is not', () => {
  const machine = new Kept();
  const old = new Access(new Kept(), machine);
  old.give('old', true);
  const late = new Access(new Kept(), machine);
  old.refuse();
  expect([old.token(), old.wanted(), old.remembered()]).toEqual([null, true, false]);
  old.give('new', true);
  late.refuse();
  expect([late.token(), late.remembered()]).toEqual([null, true]);
});
