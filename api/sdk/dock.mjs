// dock.js as an ES module. The host is the Atender that it was loaded from; served from elsewhere, call connect({ host }).
import "./dock.js";

const dock = globalThis.AtenderDock;
const from = new URL(import.meta.url).origin;
if (from !== location.origin) dock.connect({ host: from });

export const { onContext, getContext, notify, resize, connect, DockError } = dock;
// generated: exports
export const { addTag, assign, resolve, sendMessage, snooze } = dock;
// generated: end
export default dock;
