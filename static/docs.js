// The page at /docs: shows the document in the Swagger UI, and follows each generation that is published.
//
// The page is never loaded again: a new document is put into the Swagger UI, which keeps what is open and
// what was typed. A key is kept in memory only. All addresses are relative, so that it can be nested.

import { byId, distinct, element, faultCard, many, say } from "./look.js";

/** Milliseconds between two looks where events cannot be had. */
const POLL_MS = 2000;

/** Milliseconds of polling before events are tried again. */
const POLL_FOR_MS = 30000;

/** Milliseconds without a sign of life after which the server, or what is between, is taken for gone. */
const SILENCE_MS = 40000;

/** The same for the first event, which comes at once; a proxy may hold it back. */
const FIRST_MS = 5000;

/** Operations that are named in the news; of more only the number is told. */
const NAMED = 3;

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** The server asks for a key, or for another one. */
class Refused extends Error {}

let key = keyOfAddress();
let ui = null;
let shown = { tag: null, operations: null };

/** The key in the address of the page, which is taken out of there: addresses are kept and copied. */
function keyOfAddress() {
  const address = new URL(location.href);
  const given = address.searchParams.get("apikey");
  if (given === null) return "";
  address.searchParams.delete("apikey");
  history.replaceState(history.state, "", address);
  return given;
}

function status(text, lost) {
  say("status", text);
  byId("status").classList.toggle("lost", Boolean(lost));
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until somebody looks at the page; one in the background holds no connection. */
function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key) headers.set("X-Custom-Auth", key);
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) throw new Refused();
  if (!answer.ok && answer.status !== 304) throw new Error(`${path} answers ${answer.status}`);
  return answer;
}

/** Listens until the stream ends, and tells of each event. */
async function listen() {
  const end = new AbortController();
  let timer = setTimeout(() => end.abort(), FIRST_MS);
  const leave = () => { if (document.hidden) end.abort(); };
  document.addEventListener("visibilitychange", leave);
  try {
    const answer = await ask("docs/events", { headers: { Accept: "text/event-stream" }, signal: end.signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => end.abort(), SILENCE_MS);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        const line = event.split("\n").find((part) => part.startsWith("data: "));
        if (line) await tell(JSON.parse(line.slice("data: ".length)), "shows each save at once");
      }
    }
  } finally {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", leave);
  }
}

/** Looks again and again for a while, and tells of what has changed. */
async function poll() {
  const until = Date.now() + POLL_FOR_MS;
  let tag = null;
  while (Date.now() < until && !document.hidden) {
    const answer = await ask("docs/state", tag ? { headers: { "If-None-Match": tag } } : {});
    if (answer.status !== 304) {
      tag = answer.headers.get("etag");
      await tell(await answer.json(), `looks for saves every ${POLL_MS / 1000} seconds`);
    }
    await sleep(POLL_MS);
  }
}

async function follow() {
  for (;;) {
    await visible();
    try {
      await listen().catch((error) => {
        if (error instanceof Refused || document.hidden) throw error;
        return poll();
      });
    } catch (error) {
      if (error instanceof Refused) {
        await keyIsGiven();
      } else if (!document.hidden) {
        status("The server does not answer; looking again…", true);
        await sleep(1000);
      }
    }
  }
}

/** Shows the form for a key until one is given. */
function keyIsGiven() {
  const refused = key !== "";
  const form = byId("key-form");
  byId("ask").hidden = false;
  status("Waits for a key", false);
  if (refused) {
    say("key-note", "That key does not open this page.");
    byId("key-note").classList.add("lost");
  }
  byId("key").value = "";
  byId("key").focus();
  return new Promise((resolve) => form.addEventListener("submit", (event) => {
    event.preventDefault();
    key = byId("key").value.trim();
    byId("ask").hidden = true;
    resolve();
  }, { once: true }));
}

/** Shows what is served now. */
async function tell(state, how) {
  showTrouble(state);
  showChanges("changes", (state.changes || []).filter((change) => change.severity !== "cosmetic"));
  showChanges("contract", (state.contract || []).filter((change) => change.severity === "breaking"));
  if (state.document !== shown.tag) await showDocument();
  status(`Generation ${state.generation}, ${how}`, false);
}

function showTrouble(state) {
  const failed = state.failed || [];
  const faults = distinct([...(state.diagnostics || []), ...failed.flatMap((plugin) => plugin.diagnostics)]);
  byId("faults").replaceChildren(...faults.map(faultCard));
  byId("trouble").hidden = faults.length === 0;
  byId("mend").hidden = faults.length === 0;
  say("mend", many(faults.length, "thing to mend", "things to mend"));
  const named = (state) => failed.filter((plugin) => plugin.state === state).map((plugin) => plugin.plugin);
  const [stale, absent] = [named("stale"), named("failed")];
  const notes = [];
  if (stale.length) notes.push(`The last version that worked is served of ${stale.join(", ")}.`);
  if (absent.length) notes.push(`Not served, because no version has worked yet: ${absent.join(", ")}.`);
  say("trouble-note", notes.join(" "));
}

/** Changes of the contract, each with what it means for clients. */
function showChanges(section, changes) {
  byId(section).hidden = changes.length === 0;
  byId(section).querySelector("ul").replaceChildren(
    ...changes.map((change) => element("li", change.severity, change.message)));
}

async function showDocument() {
  const answer = await ask("openapi.json");
  const made = await answer.json();
  made.servers = withThisServer(made.servers || []);
  const title = made.info?.title || "API";
  document.title = title;
  say("title", title);
  const operations = operationsOf(made);
  if (ui === null) {
    ui = swaggerUi(made);
    ui.specActions.updateUrl(new URL("openapi.json", document.baseURI).href);
  } else {
    ui.specActions.updateSpec(JSON.stringify(made));
    say("news", news(shown.operations, operations));
  }
  shown = { tag: answer.headers.get("etag"), operations };
}

/** The servers with this one among them, first if it is not named: others can be read of, but not asked from here. */
function withThisServer(servers) {
  const address = (url) => new URL(url, document.baseURI).href.replace(/\/$/, "");
  const own = address(".");
  const isOwn = ({ url }) => URL.canParse(url, document.baseURI) && address(url) === own;
  return servers.some(isOwn) ? servers : [{ url: own, description: "this server" }, ...servers];
}

/** Each operation as `GET /path`, with what it is made of but for extensions, which name lines of files. */
function operationsOf(made) {
  const operations = new Map();
  const components = new Map();
  const component = (kind, name) => {
    const key = `${kind}/${name}`;
    if (!components.has(key)) {
      components.set(key, JSON.stringify(made.components?.[kind]?.[name]) || "");
    }
    return components.get(key);
  };
  /** A text with those of all components that it refers to, at whatever depth. */
  const whole = (text) => {
    const met = new Set();
    const left = [text];
    const all = [];
    while (left.length > 0) {
      const part = left.pop();
      all.push(part);
      for (const [, kind, name] of part.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
        if (!met.has(`${kind}/${name}`)) {
          met.add(`${kind}/${name}`);
          left.push(component(kind, name));
        }
      }
    }
    return all.join("\n");
  };
  for (const [path, item] of Object.entries(made.paths || {})) {
    for (const method of METHODS.filter((method) => method in item)) {
      const said = Object.entries(item[method]).filter(([name]) => !name.startsWith("x-"));
      operations.set(`${method.toUpperCase()} ${path}`, whole(JSON.stringify(said)));
    }
  }
  return operations;
}

function news(before, after) {
  const names = (operations) => [...operations.keys()];
  const parts = [
    ["new", names(after).filter((name) => !before.has(name))],
    ["gone", names(before).filter((name) => !after.has(name))],
    ["changed", names(after).filter((name) => before.has(name) && before.get(name) !== after.get(name))],
  ];
  return parts.filter(([, all]) => all.length > 0).map(([what, all]) =>
    `${what}: ${all.length > NAMED ? many(all.length, "operation", "operations") : all.join(", ")}`).join("; ");
}

/**
 * A new document makes the Swagger UI forget all that it has resolved, and with it the forms that people
 * are typing in. Here, what is known stays until it is resolved anew, unless it is gone.
 */
const keepsForms = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        invalidateResolvedSubtreeCache: (forget, system) => () => {
          const { specActions, specSelectors } = system.getSystem();
          const known = specSelectors.specResolvedSubtree([]);
          if (!known?.filter) return forget();
          const made = specSelectors.specJson();
          const kept = known
            .filter((group, first) => first === "paths" || first === "components")
            .map((group, first) => group
              .filter((items) => items?.filter)
              .map((items, second) => items.filter((_, third) => made.hasIn([first, second, third]))));
          specActions.updateResolvedSubtree([], kept);
          kept.forEach((group, first) => group.forEach((items, second) => items.forEach((_, third) => {
            specActions.requestResolvedSubtree([first, second, third]);
          })));
          return undefined;
        },
      },
    },
  },
});

function swaggerUi(made) {
  return SwaggerUIBundle({
    spec: made,
    domNode: byId("swagger-ui"),
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [keepsForms],
    layout: "BaseLayout",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
  });
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
byId("mend").addEventListener("click", () => byId("trouble").scrollIntoView({ block: "center" }));
paint();
follow();
