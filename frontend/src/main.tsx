import { createRoot } from 'react-dom/client';
import '@fontsource-variable/geist/wght.css';
import '@fontsource-variable/geist-mono/wght.css';
import './ui/tokens.css';
import './ui/base.css';
import './ui/controls.css';
import { App, makeQueryClient } from './app/App';
import { fetchPagesLater } from './app/pages';
import { makeBoard } from './client/react/board';
import { keepTimeBy } from './ui/clock';
import './ui/forced.css';
import './ui/print.css';

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no #root');
window.addEventListener('load', fetchPagesLater);
const board = makeBoard();
keepTimeBy(board.time.now);
createRoot(root).render(<App board={board} queries={makeQueryClient()} />);
