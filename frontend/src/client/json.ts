/** An id that is a whole number of so many digits that JavaScript may not hold it: not within a string, where quotes are escaped. */
const LONG_ID = /"id":\s*(-?\d{16,})(?=\s*[,}])/g;

/** As JSON.parse; long numbers that are called `id` are kept as their digits, because rounded they would name another job. */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(LONG_ID, '"id":"$1"'));
}
