import { type ReactNode, useState } from 'react';
import { digitsOf } from '@/client/json';
import type { Json } from '@/client/protocol';
import './json.css';

const CHUNK = 100;
const STRING_SHOWN = 600;

/** What is nested deeper opens by hand: a thousand levels at once are more than a browser can lay out. */
const LEVELS_OPEN = 12;

/** A tree that draws only what is open, so that a megabyte of JSON costs what is looked at. */
export function JsonView({ value, label }: { value: Json; label: string }) {
  return (
    <div className="json" role="region" aria-label={label} tabIndex={0}>
      <Node value={value} open={true} level={1} />
    </div>
  );
}

function Node({ value, open, level }: { value: Json; open: boolean; level: number }): ReactNode {
  if (value === null) return <span className="json-word">null</span>;
  switch (typeof value) {
    case 'string': {
      const digits = digitsOf(value);
      return digits === null ? <Text value={value} /> : <span className="json-number">{digits}</span>;
    }
    case 'number':
      return <span className="json-number">{String(value)}</span>;
    case 'boolean':
      return <span className="json-word">{String(value)}</span>;
    default:
      return <Branch value={value} initiallyOpen={open && level <= LEVELS_OPEN} level={level} />;
  }
}

function Text({ value }: { value: string }) {
  const [whole, setWhole] = useState(false);
  const long = value.length > STRING_SHOWN;
  return (
    <>
      <span className="json-string">"{long && !whole ? value.slice(0, STRING_SHOWN) : value}"</span>
      {long && (
        <button type="button" onClick={() => setWhole(!whole)}>
          {whole ? ' show less' : ` … show all ${value.length.toLocaleString()} characters`}
        </button>
      )}
    </>
  );
}

function Branch({
  value,
  initiallyOpen,
  level,
}: {
  value: readonly Json[] | { readonly [key: string]: Json };
  initiallyOpen: boolean;
  level: number;
}) {
  const list = Array.isArray(value);
  const entries: [string, Json][] = Object.entries(value);
  const [open, setOpen] = useState(initiallyOpen && entries.length <= 200);
  const [limit, setLimit] = useState(CHUNK);
  const [start, end] = list ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return <span>{`${start}${end}`}</span>;
  const summary = `${entries.length.toLocaleString()} ${list ? 'item' : 'key'}${entries.length === 1 ? '' : 's'}`;
  return (
    <>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? `▾ ${start}` : `▸ ${start} ${summary} ${end}`}
      </button>
      {open && (
        <>
          <ul>
            {entries.slice(0, limit).map(([key, child]) => (
              <li key={key}>
                {!list && <span className="json-key">{key}: </span>}
                <Node value={child} open={entries.length <= 20} level={level + 1} />
              </li>
            ))}
            {entries.length > limit && (
              <li>
                <button type="button" onClick={() => setLimit(limit + CHUNK)}>
                  … {(entries.length - limit).toLocaleString()} more
                </button>
              </li>
            )}
          </ul>
          <span className="json-key">{end}</span>
        </>
      )}
    </>
  );
}
