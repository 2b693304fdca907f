import { expect, test } from 'vitest';
import { parseJson } from './json';

test('ids keep every digit, and everything else is as it was written', () => {
  expect(parseJson('{"id": 9007199254740993, "n": 5}')).toEqual({ id: '9007199254740993', n: 5 });
  expect(parseJson('[{"id":-9223372036854775808}]')).toEqual([{ id: '-9223372036854775808' }]);
  expect(parseJson('{"id": 999999999999999}')).toEqual({ id: 999_999_999_999_999 });
  expect(parseJson('{"id": "9007199254740993"}')).toEqual({ id: '9007199254740993' });
  expect(parseJson('{"id": 1.0000000000000001}')).toEqual({ id: 1 });
  const said = JSON.stringify({ text: '{"id": 9007199254740993}' });
  expect(parseJson(said)).toEqual(JSON.parse(said));
  expect(() => parseJson('{"id": 9007199254740993')).toThrow(SyntaxError);
});
