import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useBoard } from '@/client/react/board';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';

/** Asks for the token. It stays in this tab's session storage and travels in a header, never in an address. */
export function TokenDialog() {
  const { access } = useBoard();
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  return (
    <Dialog title="This board asks for a token" onClose={() => undefined}>
      <p className="muted">
        It is the value of TAILBOARD_TOKEN on the server. This tab keeps it until it is closed.
      </p>
      <form
        className="token"
        onSubmit={(event) => {
          event.preventDefault();
          access.give(token.trim());
          void queries.invalidateQueries();
        }}
      >
        <input
          className="field"
          type="password"
          autoComplete="current-password"
          aria-label="Token"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <Button type="submit" look="primary" disabled={token.trim() === ''}>
          Open the board
        </Button>
      </form>
    </Dialog>
  );
}
