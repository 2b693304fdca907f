import { useId, useState } from 'react';
import type { Facet } from '@/client/filter';
import { Button } from '@/ui/Button';
import { TEXT_MAX } from './useQueueAddress';

/** What a filter can be any value of. */
export type OpenFacet = Exclude<Facet, 'status'>;

export const FACET_WORDS: Readonly<Record<OpenFacet, string>> = {
  queue: 'Queue',
  kind: 'Kind',
  worker: 'Worker',
  tags: 'Tag',
  source: 'Source',
};
export const OPEN_FACETS: readonly OpenFacet[] = ['queue', 'kind', 'worker', 'tags', 'source'];

export function AddFilter({
  facets,
  seen,
  onAdd,
}: {
  facets: readonly OpenFacet[];
  seen: (facet: OpenFacet) => readonly string[];
  onAdd: (facet: OpenFacet, value: string) => void;
}) {
  const [facet, setFacet] = useState<OpenFacet>('queue');
  const [value, setValue] = useState('');
  const id = useId();
  const options = [...new Set(seen(facet))].sort().slice(0, 200);
  const add = (text: string) => {
    if (text.trim() === '') return;
    // A space may be a slip of the hand, or part of a name that is offered.
    onAdd(facet, options.includes(text) ? text : text.trim());
    setValue('');
  };
  return (
    <form
      className="add-filter"
      onSubmit={(event) => {
        event.preventDefault();
        add(value);
      }}
    >
      <select
        className="field"
        aria-label="Filter by"
        value={facet}
        onChange={(event) => setFacet(OPEN_FACETS.find((each) => each === event.target.value) ?? 'queue')}
      >
        {facets.map((each) => (
          <option key={each} value={each}>
            {FACET_WORDS[each]}
          </option>
        ))}
      </select>
      <input
        className="field"
        aria-label={`${FACET_WORDS[facet]} to filter by`}
        placeholder="is …"
        list={id}
        maxLength={TEXT_MAX}
        value={value}
        onChange={(event) => {
          // Picking an offered value adds it at once.
          if (
            options.includes(event.target.value) &&
            !options.includes(value) &&
            event.target.value.length - value.length > 1
          ) {
            add(event.target.value);
          } else setValue(event.target.value);
        }}
      />
      <datalist id={id}>
        {options.map((option) => (
          <option key={option} value={option} />
        ))}
      </datalist>
      <Button type="submit" disabled={value.trim() === ''}>
        Add
      </Button>
    </form>
  );
}
