// What all pages of the server have in common: elements made of data, and how a fault is shown.
//
// What scripts and files are called is data: it reaches a page as text nodes only.

/** An element with a class and children; strings become text nodes. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Sets a text where it differs, so that it is read out once. */
export function say(id, text) {
  const line = byId(id);
  if (line.textContent !== text) line.textContent = text;
}

export function many(count, one, more) {
  return `${count} ${count === 1 ? one : more}`;
}

/** `file:line:column`, as far as it is known. */
export function place(fault) {
  if (!fault.file) return "";
  const line = fault.line ? `:${fault.line}` : "";
  return fault.file + line + (fault.line && fault.column ? `:${fault.column}` : "");
}

/** A fault with its place and its source line. */
export function faultCard(fault) {
  const head = element("header", "",
    element("div", "message", fault.message),
    element("div", "place", place(fault)));
  const card = element("article", `fault ${fault.severity === "warning" ? "warning" : "error"}`, head);
  if (fault.rendered) {
    const source = element("pre", "", fault.rendered);
    // Long lines scroll, also by keyboard.
    source.tabIndex = 0;
    source.setAttribute("role", "region");
    source.setAttribute("aria-label", `Source of the fault in ${place(fault) || "the configuration"}`);
    card.append(source);
  }
  return card;
}

/** Every fault once (plugins that import one library share its faults), in the order of the files, warnings last. */
export function distinct(faults) {
  const once = new Map(faults.map((fault) => [JSON.stringify([fault.message, place(fault)]), fault]));
  const rank = (fault) => (fault.severity === "warning" ? 1 : 0);
  const file = (fault) => fault.file || "";
  return [...once.values()].sort((a, b) =>
    rank(a) - rank(b) || file(a).localeCompare(file(b)) || (a.line || 0) - (b.line || 0));
}
