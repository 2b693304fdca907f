import { type ReactNode, useId } from 'react';

export function Panel({
  title,
  actions,
  children,
  flush = false,
  className = '',
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  /** The content brings its own padding. */
  flush?: boolean;
  className?: string;
}) {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {actions}
      </div>
      {flush ? children : <div className="panel-body">{children}</div>}
    </section>
  );
}
