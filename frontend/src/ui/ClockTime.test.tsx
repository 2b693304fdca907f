// @vitest-environment happy-dom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test, vi } from 'vitest';
import { FixedNow } from './clock';
import { ClockTime } from './time';

test.each([
  ['2026-11-24T12:34:56Z', /^\d\d:\d\d:56$/],
  ['2026-11-21T12:34:56Z', /21.*\d\d:34$/],
  ['infinity', /^infinity$/],
])('seen at noon of 24 November 2026, %s says which day it was', (iso, said) => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  const place = document.createElement('div');
  act(() =>
    createRoot(place).render(
      <FixedNow value={Date.parse('2026-11-24T12:00:00Z')}>
        <ClockTime iso={iso} />
      </FixedNow>,
    ),
  );
  expect(place.textContent).toMatch(said);
  vi.unstubAllGlobals();
});
