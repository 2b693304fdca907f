import { expect, test } from 'vitest';
import { headline, shortened } from './headline';

const FRAMES = 'Traceback (most recent call last):\n  File "mail.py", line 2, in send\n    open()\n';

test.each([
  ['a line', 'a line'],
  ['\n  it broke\r\nat line 3', 'it broke'],
  [`${FRAMES}smtplib.Disconnected: timed out\nafter 30 s\n`, 'smtplib.Disconnected: timed out'],
  [`${FRAMES}KeyError: 1\n\nDuring handling of it:\n\n${FRAMES}ValueError: 2`, 'ValueError: 2'],
  ['Traceback (most recent call last):\n  File "cut', 'Traceback (most recent call last):'],
  [`while sending\n${FRAMES}KeyError: 1`, 'while sending'],
  ['', ''],
])('of %j the line that counts is %j', (error, said) => {
  expect(headline(error)).toBe(said);
});

test.each([
  ['short', 'short'],
  ['x'.repeat(300), 'x'.repeat(100)],
  [
    `${FRAMES.repeat(9)}ValueError: 2\nand more`,
    'Traceback (most recent call last):\n  …\nValueError: 2\nand more',
  ],
  [`${FRAMES.repeat(9)}`, FRAMES.repeat(9).slice(0, 100)],
])('of a long error what says most is kept', (error, kept) => {
  expect(shortened(error, 100)).toBe(kept);
});
