import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { Button } from './Button';

export function CopyButton({ text, label }: { text: () => string; label: string }) {
  const [said, setSaid] = useState<'Copied' | 'Refused' | null>(null);
  const copy = async () => {
    setSaid(
      await writeClipboard(text()).then(
        () => 'Copied' as const,
        () => 'Refused' as const,
      ),
    );
    setTimeout(() => setSaid(null), 1_500);
  };
  return (
    <Button look="quiet" className="copied" aria-label={`Copy ${label}`} onClick={() => void copy()}>
      {said === 'Copied' ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
      <span aria-live="polite">{said ?? 'Copy'}</span>
    </Button>
  );
}

/** Browsers offer the clipboard only to secure pages; a board on a plain http address falls back. */
async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('the browser does not copy');
}
