import { expect, test } from 'vitest';
import { digitsOf, parseJson, writeJson } from './json';

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

test.each([
  '{"n":12345678901234567890123,"f":1.10}',
  '[1.10,-0,1e3,2.50E-7,0.0,9007199254740993,"1.10","12345678901234567890123",{"id":1.0,"payload":3.00},7,1.5]',
  '4.20',
  '-0',
  '[123456789012.3456789]',
  '[[{"progress":1.0}],null]',
])('what a worker wrote is written again digit for digit: %s', (written) => {
  for (const field of ['payload', 'result', 'info']) {
    const parsed = parseJson(`{"a": 1.0, "${field}": ${written}, "b": 2.0}`) as Record<string, unknown>;
    expect(writeJson(parsed[field])).toBe(written);
    expect(parsed.a).toBe(1);
    expect(parsed.b).toBe(2);
  }
});

test('numbers of the protocol stay numbers, wherever they stand', () => {
  const text =
    '{"job":{"payload":{"x":1.10},"progress":1.0,"id":9007199254740993},"lag_ms":12.0,"result":1.0,"text":"payload","n":2.0}';
  expect(parseJson(text)).toEqual({
    job: { payload: { x: '\u00001.10' }, progress: 1, id: '9007199254740993' },
    lag_ms: 12,
    result: '\u00001.0',
    text: 'payload',
    n: 2,
  });
});

test('the digits of a number are told from a text', () => {
  const { payload } = parseJson('{"payload": ["1.10", 1.10]}') as { payload: [string, string] };
  expect(payload.map(digitsOf)).toEqual([null, '1.10']);
});
