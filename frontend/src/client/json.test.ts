import { expect, test } from 'vitest';
import { parseJson } from './json';

test('long whole numbers keep every digit', () => {
  expect(parseJson('{"id": 9007199254740993, "n": 5}')).toEqual({ id: '9007199254740993', n: 5 });
  expect(parseJson('[{"id":-9223372036854775808},1234567890123456789]')).toEqual([
    { id: '-9223372036854775808' },
    '1234567890123456789',
  ]);
  expect(parseJson('9007199254740993')).toBe('9007199254740993');
});

test.each([
  '{"id": 999999999999999}',
  '{"id": "9007199254740993"}',
  '[1.0000000000000001, 1234567890123456.5, 12345678901234567e3, 1e1234567890123456]',
  JSON.stringify({ text: '{"id": 9007199254740993}, [1234567890123456789, \\"7777777777777777777\\"]' }),
  JSON.stringify({ 'a\\': ['\\', '"', 'é\u2028', '12345678901234567'] }),
])('everything else is as JSON.parse reads it: %s', (text) => {
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test('a long text is read in passing, and a broken one is refused', () => {
  const long = { text: '1234567890123456789 \\ " '.repeat(1_000_000), id: 1 };
  expect(parseJson(JSON.stringify(long))).toEqual(long);
  expect(() => parseJson('{"id": 9007199254740993')).toThrow(SyntaxError);
});
