// @vitest-environment happy-dom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { JsonView } from './JsonView';

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test('of what is nested a thousand deep only the first levels are drawn, and more by hand', () => {
  const place = document.createElement('div');
  const root = createRoot(place);
  const depth = 1_000;
  act(() => root.render(<JsonView value={JSON.parse('['.repeat(depth) + ']'.repeat(depth))} label="Deep" />));
  const branches = () => place.querySelectorAll('button');
  const drawn = branches().length;
  expect(branches()[drawn - 1]?.textContent).toBe('▸ [ 1 item ]');
  expect(drawn).toBeGreaterThan(5);
  expect(drawn).toBeLessThan(50);
  act(() => branches()[drawn - 1]?.click());
  expect(branches().length).toBe(drawn + 1);
  act(() => root.unmount());
});
