/** Loading what a view shows, with the states that every view has: waiting, error, content. */
import { useCallback, useEffect, useRef, useState } from './html.js';

/** Loading shorter than this shows nothing, in ms: a flash of skeletons is worse than none. */
const PATIENCE = 150;

/**
 * Reads again and again while the page is visible: each time so long after the answer, however late that was.
 * @param {() => Promise<void>} reload
 * @param {number | null} every ms; null: not now
 */
export function usePolling(reload, every) {
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => {
    if (every === null) return undefined;
    let timer = 0;
    let over = false;
    const wait = () => {
      timer = window.setTimeout(async () => {
        if (!document.hidden) await latest.current();
        if (!over) wait();
      }, every);
    };
    wait();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [every]);
}

/**
 * @template T
 * @typedef {object} Resource
 * @property {T | undefined} data what was loaded last; kept while it is loaded again
 * @property {any} error of the last load
 * @property {boolean} waiting it has been loading for longer than a moment, and there is nothing to show yet
 * @property {() => Promise<void>} reload
 * @property {(data: T) => void} set shows something else, such as the answer to a change
 */

/**
 * Loads when the component appears and whenever `key` changes; a load that was overtaken is dropped.
 * @template T
 * @param {unknown} key what is loaded, compared by value; null loads nothing
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @returns {Resource<T>}
 */
export function useResource(key, load) {
  const name = JSON.stringify(key);
  const [state, setState] = useState(/** @type {any} */ ({ name: null, data: undefined, error: null, waiting: false }));
  const loader = useRef(load);
  loader.current = load;
  const running = useRef(/** @type {AbortController | null} */ (null));

  const nothing = key === null;
  const reload = useCallback(async () => {
    running.current?.abort();
    if (nothing) return;
    const controller = new AbortController();
    running.current = controller;
    const patience = setTimeout(
      () => setState((/** @type {any} */ s) => ({ ...s, waiting: s.data === undefined })),
      PATIENCE,
    );
    try {
      const data = await loader.current(controller.signal);
      if (!controller.signal.aborted) setState({ name, data, error: null, waiting: false });
    } catch (error) {
      if (!controller.signal.aborted) setState((/** @type {any} */ s) => ({ ...s, error, waiting: false }));
    } finally {
      clearTimeout(patience);
    }
  }, [name]);

  useEffect(() => {
    setState({ name, data: undefined, error: null, waiting: false });
    reload();
    return () => running.current?.abort();
  }, [name]);

  const fresh = state.name === name;
  return {
    data: fresh ? state.data : undefined,
    error: fresh || state.error ? state.error : null,
    waiting: state.waiting,
    reload,
    set: (data) => setState({ name, data, error: null, waiting: false }),
  };
}
