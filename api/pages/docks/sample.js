// @ts-check
// What the playground shows a dock before its author has changed anything, and the same in the form of UniLink's and
// Chatwoot's dashboard apps.

import { CHANNEL_INBOXES } from "/sdk/vocabulary.js";

const agent = {
  id: "0198c000-0000-7000-8000-0000000000a1",
  number: 3,
  name: "Ava Agent",
  email: "ava@shop.example",
  role: "agent",
};

/** @param {number} n */
const id = (n) => `0198c000-0000-7000-8000-${String(n).padStart(12, "0")}`;

/** The conversations that one can switch between. @type {Record<string, any>[]} */
export const samples = [
  {
    conversation: {
      id: id(101),
      number: 1001,
      externalReference: "order-4521",
      subject: "Where is my order 4521?",
      channel: "email",
      status: "active",
      engagement: "pending",
      assigneeId: agent.id,
      assignee: { id: agent.id, name: agent.name },
      teamId: null,
      team: null,
      tags: ["delivery"],
      customFields: { order_id: "4521" },
      metadata: {},
      snoozedUntil: null,
      version: 3,
      createdAt: "2026-03-02T08:14:00.000Z",
      updatedAt: "2026-03-02T08:20:00.000Z",
      lastMessageAt: "2026-03-02T08:14:00.000Z",
    },
    contact: {
      id: id(201),
      number: 501,
      name: "Noor Haddad",
      email: "noor@customers.example",
      phone: "+4520123456",
      customFields: { tier: "gold" },
      createdAt: "2025-11-20T10:00:00.000Z",
      updatedAt: "2026-03-02T08:14:00.000Z",
    },
    agent,
  },
  {
    conversation: {
      id: id(102),
      number: 1002,
      externalReference: "chat-77",
      subject: "The lamp arrived broken",
      channel: "webchat",
      status: "snoozed",
      engagement: "engaged",
      assigneeId: null,
      assignee: null,
      teamId: id(301),
      team: { id: id(301), number: 2, name: "Billing" },
      tags: ["damage", "vip"],
      customFields: { order_id: "4498" },
      metadata: {},
      snoozedUntil: "2036-03-03T08:00:00.000Z",
      version: 7,
      createdAt: "2026-03-01T16:02:00.000Z",
      updatedAt: "2026-03-02T07:55:00.000Z",
      lastMessageAt: "2026-03-02T07:55:00.000Z",
    },
    contact: {
      id: id(202),
      number: 502,
      name: "Mateo Silva",
      email: "mateo@customers.example",
      phone: null,
      customFields: {},
      createdAt: "2026-03-01T16:02:00.000Z",
      updatedAt: "2026-03-01T16:02:00.000Z",
    },
    agent,
  },
];

/** @param {unknown} time  RFC 3339 @returns {number} unix seconds; 0 where there is none */
const seconds = (time) => Math.floor(Date.parse(String(time ?? "")) / 1000) || 0;

const profiles = () => ({
  description: "",
  company_name: "",
  social_profiles: { github: "", twitter: "", facebook: "", linkedin: "" },
});

/** Statuses by their names in Chatwoot. @type {Record<string, string>} */
const statuses = { active: "open", snoozed: "snoozed", done: "resolved", archived: "resolved" };

/**
 * The context as UniLink's and Chatwoot's dashboard apps know it. What has no source is null or empty.
 * @param {any} context
 */
export function appContextOf({ conversation, contact, agent }) {
  const person = contactOf(contact ?? {}, conversation ?? {});
  return {
    conversation: conversationOf(conversation ?? {}, person, agent ?? {}),
    contact: person,
    currentAgent: agentOf(agent ?? {}),
  };
}

/** @param {any} agent */
const agentOf = (agent) => ({ email: agent.email ?? "", id: agent.number ?? 0, name: agent.name ?? "" });

/** @param {any} contact @param {any} conversation */
const contactOf = (contact, conversation) => ({
  additional_attributes: profiles(),
  availability_status: "offline",
  email: contact.email ?? "",
  id: contact.number ?? 0,
  name: contact.name ?? "",
  phone_number: contact.phone ?? "",
  identifier: contact.externalId ?? null,
  thumbnail: "",
  custom_attributes: contact.customFields ?? {},
  last_activity_at: seconds(conversation.lastMessageAt),
});

/** @param {any} conversation @param {any} sender @param {any} agent */
function conversationOf(conversation, sender, agent) {
  return {
    meta: {
      sender,
      channel: `Channel::${CHANNEL_INBOXES[conversation.channel] ?? "Api"}`,
      assignee: conversation.assignee && {
        id: agent.number ?? 0,
        account_id: 1,
        availability_status: "online",
        auto_offline: false,
        confirmed: true,
        email: agent.email ?? "",
        available_name: conversation.assignee.name ?? "",
        name: conversation.assignee.name ?? "",
        role: "agent",
        thumbnail: "",
      },
      team: conversation.team && { id: conversation.team.number ?? 0, name: conversation.team.name ?? "" },
      hmac_verified: false,
    },
    id: conversation.number ?? 0,
    messages: [message(conversation, sender)],
    account_id: 1,
    additional_attributes: {
      browser: { device_name: "", browser_name: "", platform_name: "", browser_version: "", platform_version: "" },
      referer: "",
      initiated_at: { timestamp: conversation.createdAt ?? "" },
    },
    agent_last_seen_at: 0,
    assignee_last_seen_at: 0,
    can_reply: conversation.status !== "archived",
    contact_last_seen_at: 0,
    custom_attributes: conversation.customFields ?? {},
    inbox_id: 1,
    labels: conversation.tags ?? [],
    muted: false,
    snoozed_until: conversation.snoozedUntil ? seconds(conversation.snoozedUntil) : null,
    status: statuses[conversation.status] ?? "open",
    timestamp: seconds(conversation.lastMessageAt),
    unread_count: 0,
    allMessagesLoaded: true,
    dataFetched: true,
  };
}

/** @param {any} conversation @param {any} sender */
const message = (conversation, sender) => ({
  id: 1,
  content: conversation.subject ?? "",
  inbox_id: 1,
  conversation_id: conversation.number ?? 0,
  message_type: 0,
  content_type: "text",
  content_attributes: {},
  created_at: seconds(conversation.createdAt),
  private: false,
  source_id: "",
  sender: { ...sender, type: "contact" },
});
