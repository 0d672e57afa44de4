// For the docks of the tests: tells the test what happens in a page that it cannot look into.
const report = (text) => fetch("/report", { method: "POST", body: text });
const PROTOCOL = { protocol: "atender.dock", version: 1 };
// A native dock without dock.js, so that it can do what dock.js does not.
const send = (type, fields) => parent.postMessage({ ...PROTOCOL, type, ...fields }, "*");
const onNative = (type, handle) =>
  addEventListener("message", ({ data }) => {
    if (data?.protocol === "atender.dock" && data.type === type) handle(data);
  });
