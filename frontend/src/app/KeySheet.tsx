import { Dialog } from '@/ui/Dialog';
import { MOD } from '@/ui/hotkeys';

const KEYS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    'Everywhere',
    [
      [`${MOD} K`, 'Jump to a job or a page'],
      ['g h', 'Home'],
      ['g q', 'Queue'],
      ['g l', 'Live'],
      ['g w', 'Workers'],
      ['g s', 'Sources'],
      ['b', 'Back in time, and back to now'],
      [', .', 'In the past: one change back, one on'],
      ['t', 'Dark or light'],
      ['Esc', 'Leave a field'],
      ['?', 'These keys'],
    ],
  ],
  [
    'Queue',
    [
      ['/', 'Search'],
      ['j k', 'Next and previous job, also with the arrow keys'],
      ['o', 'Open the job'],
      ['x', 'Select the job'],
      ['r', 'Retry'],
      ['c', 'Cancel'],
      ['p', 'Pause'],
      ['a', 'Act on the selected jobs, or on all that match'],
      ['n', 'Show what is new'],
      ['Esc', 'Clear the selection'],
    ],
  ],
  [
    'A job',
    [
      ['r', 'Retry'],
      ['c', 'Cancel'],
      ['p', 'Pause'],
    ],
  ],
  [
    'Live',
    [
      ['Space', 'Pause and go on'],
      ['/', 'Filter'],
    ],
  ],
];

export function KeySheet({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" wide onClose={onClose}>
      <div className="keys-columns">
        {KEYS.map(([where, keys]) => (
          <section key={where}>
            <h3 className="keys-where">{where}</h3>
            <dl className="keys">
              {keys.map(([key, does]) => (
                <div key={key}>
                  <dt>
                    {key.split(' ').map((part) => (
                      <kbd key={part}>{part}</kbd>
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
