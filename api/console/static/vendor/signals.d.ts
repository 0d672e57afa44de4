// The part of signals.js that the console uses.

export interface ReadonlySignal<T> {
  /** Reading it within a component, `computed` or `effect` makes that depend on it. */
  readonly value: T;
  /** The value, without depending on it. */
  peek(): T;
}

export interface Signal<T> extends ReadonlySignal<T> {
  value: T;
}

export function signal<T>(initial: T): Signal<T>;
export function computed<T>(compute: () => T): ReadonlySignal<T>;
/** Runs at once and whenever a signal that it has read changes, until the function it returns is called. */
export function effect(run: (() => void) | (() => () => void)): () => void;
export function batch<T>(work: () => T): T;
