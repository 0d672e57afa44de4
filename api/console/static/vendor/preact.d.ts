// The part of preact.js that the console uses. Templates are made with htm, which checks no types, so props are open.

export type Key = string | number | null | undefined;

/** What a component returns and a template holds. */
export type Child = VNode | string | number | bigint | boolean | null | undefined | Child[];

export interface VNode {
  type: string | Component;
  props: Record<string, unknown> & { children?: Child };
  key: Key;
}

export type Component = (props: never) => Child;

export function h(type: string | Component, props: Record<string, unknown> | null, ...children: Child[]): VNode;
export function render(child: Child, parent: Element | ShadowRoot): void;
export function cloneElement(element: VNode, props?: Record<string, unknown> | null, ...children: Child[]): VNode;
export function toChildArray(children: Child): (VNode | string | number)[];
