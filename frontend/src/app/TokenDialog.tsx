import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { Access } from '@/client/access';
import { Api } from '@/client/api';
import { useBoard } from '@/client/react/board';
import { Problem, Rest } from '@/client/rest';
import { ROOT } from '@/client/root';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Note } from '@/ui/notices';

/** In the place of the page while the server answers nothing: the dialog, and the way back to it once it was closed. */
export function TokenWanted() {
  const [open, setOpen] = useState(true);
  return (
    <div className="banner">
      <Note tone="amber" action={<Button onClick={() => setOpen(true)}>Give the token</Button>}>
        This board asks for a token, and shows nothing without one.
      </Note>
      {open && <TokenDialog onClose={() => setOpen(false)} />}
    </div>
  );
}

/** Asks for the token, which travels in a header and never in an address. */
function TokenDialog({ onClose }: { onClose: () => void }) {
  const { access } = useBoard();
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [remember, setRemember] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  // Tried before it is taken: a wrong one would replace the right one of the connection that all tabs share.
  const trial = useMutation({
    mutationFn: async (wanted: string) => {
      const only = new Access(null);
      only.give(wanted);
      await new Api(new Rest(ROOT, only)).sources();
    },
    onSuccess: (_, right) => {
      access.give(right, remember);
      void queries.invalidateQueries();
    },
    onError: () => field.current?.focus(),
  });
  return (
    <Dialog title="This board asks for a token" onClose={onClose}>
      {trial.error !== null && <p role="alert">{told(trial.error)}</p>}
      <p className="muted">
        It is the value of TAILBOARD_TOKEN on the server. This tab keeps it until it is closed.
      </p>
      <form
        className="token"
        onSubmit={(event) => {
          event.preventDefault();
          trial.mutate(token.trim());
        }}
      >
        <input
          ref={field}
          className="field"
          type="password"
          autoComplete="current-password"
          aria-label="Token"
          data-first=""
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <Button type="submit" look="primary" disabled={token.trim() === ''}>
          Open the board
        </Button>
        <label className="token-remember">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} />
          Remember it on this machine: not where others use it too
        </label>
      </form>
    </Dialog>
  );
}

function told(error: Error): string {
  const wrong = error instanceof Problem && error.status === 401;
  return wrong ? 'The server refused this token. Is it the one that it has now?' : error.message;
}
