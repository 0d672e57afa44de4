// htm.js: templates that make elements.

import type { h, VNode } from './preact.js';

/** The template function for one way to make elements. One template that has several roots makes an array of them. */
export type Html = (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

declare const htm: { bind(make: typeof h): Html };
export default htm;
