// @ts-check
// What is wrong with the parameters of an action, by the schemas of the contract. The server decides by the same schemas
// and in the same words (models/dockaction); here it is for what comes before the server: the question to an agent, and
// the playground. Pure: no window, no network.

import { DOCK_ACTION_PARAMS } from "./vocabulary.js";

/** @typedef {import("./vocabulary.js").DockActionKind} DockActionKind */
/** @typedef {import("./vocabulary.js").Param} Param */

/** The years that times can be in, as everywhere in the API. */
const years = { first: 1970, last: 2199 };

/**
 * @param {DockActionKind} action
 * @param {Record<string, unknown>} params
 * @returns {string | undefined}  what would be right; nothing if that is what they are
 */
export function wrongParams(action, params) {
  const schema = DOCK_ACTION_PARAMS[action];
  const names = schema.params.map((param) => param.name);
  if (!Object.keys(params).every((name) => names.includes(name))) {
    if (names.length === 0) return `${action} takes no params`;
    return `${action} has no such param; it takes ${names.join(", ")}`;
  }
  const given = schema.params.filter((param) => param.required || Object.hasOwn(params, param.name));
  const wrong = given.find((param) => !isRight(param, params[param.name]));
  if (wrong?.required) return `${action} needs ${wrong.name}: ${wrong.says}`;
  if (wrong) return `${action} takes ${wrong.name} as ${wrong.says}`;
  if (given.length < schema.atLeast) return `${action} needs ${schema.needs}`;
  const both = schema.exclusive.find((pair) => pair.every((name) => params[name]));
  return both && `${action} takes ${both.join(" or ")}, not both`;
}

/** @param {Param} param @param {unknown} value */
function isRight(param, value) {
  if (value === null) return param.nullable === true;
  if (typeof value !== "string") return false;
  const length = [...value].length; // in code points, which maxLength counts
  if (length < (param.minLength ?? 0) || length > (param.maxLength ?? Infinity)) return false;
  if (param.maxBytes && new TextEncoder().encode(value).length > param.maxBytes) return false;
  if (param.format === "uuid") return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
  return param.format !== "date-time" || isTime(value);
}

/** Whether a text is a time of RFC 3339 in a year that times can be in. @param {string} value */
function isTime(value) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)([.,]\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.exec(value);
  if (!found) return false;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    return false;
  const at = new Date(value.replace(",", ".")).getUTCFullYear();
  return at >= years.first && at <= years.last;
}
