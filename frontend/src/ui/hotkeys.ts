import { useEffect, useRef } from 'react';

/** The key that goes with others to give commands, as this system's keyboards name it. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';

export type Hotkeys = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** Whether the key is for what has the focus: letters for a field, the ways to move for a slider, space for a button. */
function taken({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (key === ' ' && target.matches('button, summary, input')) return true;
  if (target instanceof HTMLInputElement && target.type === 'range') return key.length > 1;
  return (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && target.type !== 'checkbox')
  );
}

/**
 * Keys of the page, named as `KeyboardEvent.key` names them; `mod+k` is Ctrl or ⌘ with K. They rest while somebody
 * types and while a dialog is open, except those with `mod`; Escape ends the typing.
 */
export function useHotkeys(hotkeys: Hotkeys): void {
  const latest = useRef(hotkeys);
  latest.current = hotkeys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const mod = event.ctrlKey || event.metaKey;
      if (!mod && document.querySelector('dialog[open]') !== null) return;
      if (!mod && taken(event)) {
        if (event.key === 'Escape' && event.target instanceof HTMLElement) {
          event.preventDefault(); // a search field would lose its text
          event.target.blur();
        }
        return;
      }
      const hotkey = latest.current[mod ? `mod+${event.key.toLowerCase()}` : event.key];
      if (hotkey === undefined) return;
      event.preventDefault();
      hotkey(event);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
