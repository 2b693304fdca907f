import { Component, type ReactNode } from 'react';
import { Button } from '@/ui/Button';
import { Note } from '@/ui/notices';

/** Keeps what breaks in a page to that page: the frame around it, and with it the way to the others, stays. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <>
        <h1 className="sr-only">This page cannot be shown</h1>
        <Note tone="red" live action={<Button onClick={() => location.reload()}>Load again</Button>}>
          This page cannot be shown: {error.message}
        </Note>
      </>
    );
  }
}
