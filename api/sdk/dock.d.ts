// Types of dock.js and dock.mjs. What follows from api/openapi.yaml is written by `make generate`.

/** The codes of a DockError. */
// generated: codes
export type DockErrorCode =
  | "STALE_CONTEXT" // the agent has moved on to another conversation
  | "NOT_ALLOWED" // the dock, or the agent, may not do that
  | "INVALID_PARAMS" // the message says what would be right
  | "INVALID_TRANSITION" // not in the conversation's present status
  | "UNKNOWN_ACTION"
  | "RATE_LIMITED" // more than 30 actions a minute, or 20 that wait for their turn
  | "REJECTED" // the agent was asked and declined
  | "TIMEOUT" // not answered in time; the action may still be carried out, within 15 minutes
  | "UNAVAILABLE";
// generated: end

export declare class DockError extends Error {
  readonly code: DockErrorCode;
}

/** Times are RFC 3339 in UTC. */
export interface Conversation {
  id: string;
  number: number;
  externalReference: string | null;
  subject: string;
  channel: string;
  status: "active" | "snoozed" | "done" | "archived";
  assigneeId: string | null;
  teamId: string | null;
  tags: string[];
  customFields: Record<string, unknown>;
  snoozedUntil: string | null;
  version: number;
  createdAt: string;
  updatedAt: string;
  [more: string]: unknown;
}

export interface Contact {
  id: string;
  number: number;
  name: string | null;
  email: string | null;
  phone: string | null;
  customFields: Record<string, unknown>;
  [more: string]: unknown;
}

export interface Agent {
  id: string;
  name: string;
  email: string;
  [more: string]: unknown;
}

// generated: kinds
export type Action = "addTag" | "assign" | "resolve" | "sendMessage" | "snooze";
// generated: end

/** An agent, a team, or both. */
export type Assignee = OfAgent | OfTeam | (OfAgent & OfTeam);
type OfAgent = { agentId: string } | { agentEmail: string };
type OfTeam = { teamId: string } | { teamName: string };

/** Each resolves to the conversation as it is then, and rejects with a DockError. */
export interface Actions {
  // generated: methods
  /** 1 to 100 characters; made if there is none. */
  addTag(tag: string): Promise<Conversation>;
  /** An agent, a team, or both. */
  assign(to: Assignee): Promise<Conversation>;
  /** The status becomes done. */
  resolve(): Promise<Conversation>;
  /** To the customer, as the agent. */
  sendMessage(message: string | { text: string; html?: string }): Promise<Conversation>;
  /** In the future, at most 366 days ahead. */
  snooze(until: Date | string): Promise<Conversation>;
  // generated: end
}

/**
 * What the dock is about. Its actions are bound to its conversation: once the agent has moved on they are refused with
 * STALE_CONTEXT. Use them, rather than those of the module, after anything that takes time.
 */
export interface Context extends Actions {
  readonly contextId: string;
  readonly conversation: Conversation;
  readonly contact: Contact;
  readonly agent: Agent;
  readonly dock: { id: string; name: string; actions: Action[] };
  readonly theme: "light" | "dark";
  /** A BCP 47 tag. */
  readonly locale: string;
  /** A JWT, signed with the dock's secret: lets your back end trust the context. */
  readonly token: string;
}

/** Calls the listener with every context: at once if there is one, when the agent moves on, when something changes. */
export declare function onContext(listener: (context: Context) => void | Promise<void>): () => void;
/** The context anew, its token with at least 4 minutes to live. Rejects with TIMEOUT after 10 s. */
export declare function getContext(): Promise<Context>;
/** A notice for the agent, under the dock's name: text, at most 300 characters, at most 10 a minute. */
export declare function notify(text: string): void;
/** Asks for a height in pixels; that of the content if none is given. The host sets limits. */
export declare function resize(height?: number): void;
/** Names the origins of the pages that show this dock, where that is not the origin that the script was loaded from. */
export declare function connect(options: { host: string | string[] }): void;

// generated: functions
export declare const addTag: Actions["addTag"];
export declare const assign: Actions["assign"];
export declare const resolve: Actions["resolve"];
export declare const sendMessage: Actions["sendMessage"];
export declare const snooze: Actions["snooze"];
// generated: end

interface AtenderDock extends Actions {
  readonly context: Context | null;
  onContext: typeof onContext;
  getContext: typeof getContext;
  notify: typeof notify;
  resize: typeof resize;
  connect: typeof connect;
  DockError: typeof DockError;
}
declare const dock: AtenderDock;
export default dock;

declare global {
  /** What dock.js makes when it is loaded with a script element. */
  var AtenderDock: AtenderDock;
}
