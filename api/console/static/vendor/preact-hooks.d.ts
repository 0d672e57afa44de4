// The part of preact-hooks.js that the console uses.

export interface Ref<T> {
  current: T;
}

/** Compared item by item; without it an effect runs after every rendering. */
export type Inputs = readonly unknown[];

/** Runs after the rendering; what it returns runs before the next time and when the component goes. */
export type Effect = (() => void) | (() => () => unknown);

export function useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useRef<T>(initial: T): Ref<T>;
export function useEffect(effect: Effect, inputs?: Inputs): void;
export function useLayoutEffect(effect: Effect, inputs?: Inputs): void;
export function useMemo<T>(make: () => T, inputs: Inputs): T;
export function useCallback<T extends (...args: never[]) => unknown>(callback: T, inputs: Inputs): T;
export function useId(): string;
export function useErrorBoundary(onError?: (error: unknown) => void): [unknown, () => void];
