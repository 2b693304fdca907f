import type { ButtonHTMLAttributes } from 'react';

type Look = 'plain' | 'primary' | 'danger' | 'quiet';

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: Look;
  /** Only an icon is shown: give it an `aria-label`. */
  readonly icon?: boolean;
}

export function Button({ look = 'plain', icon = false, className = '', ...rest }: ButtonProps) {
  const names = `button button-${look} ${icon ? 'button-icon' : ''} ${className}`;
  return <button type="button" className={names} {...rest} />;
}
