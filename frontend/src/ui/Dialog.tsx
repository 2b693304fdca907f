import { X } from 'lucide-react';
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from './Button';

/**
 * A modal: the browser keeps the focus inside, closes it on Escape and gives the focus back. What is marked `data-first`
 * has it to begin with.
 */
export function Dialog({
  title,
  onClose,
  children,
  bare = false,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** No visible head: the content says what it is. */
  bare?: boolean;
  wide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    element?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog without our help
    <dialog
      ref={dialog}
      className={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      {bare ? (
        <h2 id={id} className="sr-only">
          {title}
        </h2>
      ) : (
        <div className="dialog-head">
          <h2 id={id}>{title}</h2>
          <Button look="quiet" icon aria-label="Close" onClick={onClose}>
            <X aria-hidden="true" />
          </Button>
        </div>
      )}
      {bare ? children : <div className="dialog-body">{children}</div>}
    </dialog>
  );
}
