// @ts-check
// The page for dock authors: its snippets name this Atender, and can be copied.

import { copyButton } from "./log.js";

const placeholder = "https://support.example.com";

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = /** @type {Text} */ (walker.currentNode);
  if (node.data.includes(placeholder)) node.data = node.data.replaceAll(placeholder, location.origin);
}
for (const snippet of document.querySelectorAll("pre")) snippet.append(copyButton("Copy", snippet.textContent ?? ""));
