import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { SearchX } from 'lucide-react';
import { type ReactNode, StrictMode, Suspense } from 'react';
import { Link, Route, Router, Switch, useLocation } from 'wouter';
import { atMoment, momentOf } from '@/client/moment';
import { type Board, BoardProvider } from '@/client/react/board';
import { Problem } from '@/client/rest';
import { ROOT_PATH } from '@/client/root';
import { HomePage } from '@/features/home/HomePage';
import { QueuePage } from '@/features/queue/QueuePage';
import { useTitle } from '@/parts/title';
import { Empty, Skeleton } from '@/ui/notices';
import { Boundary } from './Boundary';
import { Frame } from './Frame';
import { JobPage, LivePage, SourcesPage, WorkersPage } from './pages';

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // A board on this machine answers also where the browser believes itself offline.
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        staleTime: 1_000,
        refetchOnWindowFocus: true,
        // A refusal is an answer; only silence is worth another try.
        retry: (count, error) => !(error instanceof Problem && error.status < 500) && count < 2,
      },
    },
  });
}

/** Every link and every jump stays at the moment that the board shows. */
function kept(address: string): string {
  return atMoment(address, momentOf(location.search));
}

/** What broke on one page does not follow to the next. */
function OfThisPage({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  return <Boundary key={path}>{children}</Boundary>;
}

function NotFound() {
  useTitle('Not found');
  return (
    <>
      <h1 className="sr-only">Not found</h1>
      <div className="panel">
        <Empty title="There is no such page" icon={<SearchX aria-hidden="true" />}>
          The address may be mistyped, or from another version.{' '}
          <Link href="/" className="panel-link">
            Go to Home
          </Link>
        </Empty>
      </div>
    </>
  );
}

export function App({ board, queries }: { board: Board; queries: QueryClient }) {
  return (
    <StrictMode>
      <QueryClientProvider client={queries}>
        <BoardProvider board={board}>
          <Router
            base={ROOT_PATH}
            aroundNav={(navigate, to, options) => navigate(kept(to), options)}
            hrefs={(address) => kept(address)}
          >
            <Frame>
              <OfThisPage>
                <Suspense fallback={<Skeleton lines={8} height={26} />}>
                  <Switch>
                    <Route path="/" component={HomePage} />
                    <Route path="/queue" component={QueuePage} />
                    <Route path="/jobs/:source/:id" component={JobPage} />
                    <Route path="/live" component={LivePage} />
                    <Route path="/workers" component={WorkersPage} />
                    <Route path="/sources" component={SourcesPage} />
                    <Route component={NotFound} />
                  </Switch>
                </Suspense>
              </OfThisPage>
            </Frame>
          </Router>
        </BoardProvider>
      </QueryClientProvider>
    </StrictMode>
  );
}
