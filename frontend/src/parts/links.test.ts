import { expect, test } from 'vitest';
import { jobInPath, jobPath } from './links';

test.each(['17', 'a/b', 'a.b', '100%', '%2F', 'a b', 'ä?#&', 'events', '%zz'])(
  'an id of %s survives its way through the address',
  (id) => {
    const { pathname } = new URL(jobPath({ source: 'odd', id }), 'http://localhost');
    expect(jobInPath(pathname)).toEqual({ source: 'odd', id });
  },
);

test('an address typed by hand with a lone percent sign names that', () => {
  expect(jobInPath('/jobs/odd/100%')).toEqual({ source: 'odd', id: '100%' });
});
