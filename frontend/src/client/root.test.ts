import { expect, test } from 'vitest';
import { rootOf, rootOfWorker } from './root';

test.each([
  ['https://board.example.com/', './', 'https://board.example.com'],
  ['https://board.example.com/queue?status=failed', './', 'https://board.example.com'],
  ['https://example.com/board/', './', 'https://example.com/board'],
  ['https://example.com/board/jobs/jobs/7?as_of=1.5', '../../', 'https://example.com/board'],
  ['http://localhost:5173/jobs/jobs/7', '/', 'http://localhost:5173'],
])('%s, %s up, is a page of %s', (page, up, root) => {
  expect(rootOf(page, up)).toBe(root);
});

test.each([
  ['https://example.com/assets/worker-x1.js', 'https://example.com'],
  ['https://example.com/assets/board/assets/worker-x1.js', 'https://example.com/assets/board'],
  ['http://localhost:5173/src/client/shared/worker.ts?worker_file&type=module', 'http://localhost:5173'],
])('the worker at %s serves %s', (script, root) => {
  expect(rootOfWorker(script)).toBe(root);
});
