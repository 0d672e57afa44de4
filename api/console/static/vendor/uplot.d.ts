// The part of uplot.js that the console uses: stacked bars by time.

export type Paths = (self: uPlot, seriesIndex: number, from: number, to: number) => object | null;

export interface Axis {
  stroke?: string;
  font?: string;
  size?: number;
  gap?: number;
  space?: number;
  grid?: { show?: boolean; stroke?: string; width?: number };
  ticks?: { show?: boolean };
  /** The labels of the splits. */
  values?: (self: uPlot, splits: number[]) => string[];
}

export interface Series {
  label?: string;
  fill?: string;
  stroke?: string;
  width?: number;
  paths?: Paths;
  points?: { show?: boolean };
}

export interface Options {
  width: number;
  height: number;
  legend?: { show?: boolean };
  cursor?: { show?: boolean };
  /** Top, right, bottom, left; in px. */
  padding?: [number, number, number, number];
  scales?: Record<string, { time?: boolean; range?: (self: uPlot, min: number, max: number) => [number, number] }>;
  axes?: Axis[];
  series: Series[];
}

/** Times in seconds, and the values of each series; null where there is none. */
export type Data = [number[], ...(number | null)[][]];

export default class uPlot {
  static paths: { bars?: (options: { size?: [number, number]; radius?: number }) => Paths };
  constructor(options: Options, data: Data, target: HTMLElement);
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
}
