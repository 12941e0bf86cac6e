// The start page of development mode: shows /plugins, and looks each second whether it changed.
import { byId, distinct, element, faultCard, many, say } from "./look.js";

const POLL_MS = 1000;

let shown = null;
let timer = null;
let looking = false;

function status(text, lost) {
  say("status", text);
  byId("status").classList.toggle("lost", Boolean(lost));
}

function routeLine(route) {
  const methods = route.methods || [];
  const reachable = methods.includes("GET") && !route.path.includes("{");
  const target = element(reachable ? "a" : "span", "target", route.path);
  if (reachable) target.href = route.path.split("/").map(encodeURIComponent).join("/");
  const cell = element("div", "", target);
  if (route.summary) cell.append(element("span", "summary", route.summary));
  const any = ["GET", "POST", "PUT", "PATCH", "DELETE"].every((method) => methods.includes(method));
  return element("li", "", element("span", "methods", any ? "any" : methods.join(" ")), cell);
}

function jobLine(job) {
  const zone = job.zone && job.zone !== "UTC" ? ` ${job.zone}` : "";
  const cell = element("div", "", element("span", "target", job.name));
  const schedule = job.schedule + zone;
  if (schedule !== job.name) cell.append(element("span", "summary", schedule));
  return element("li", "", element("span", "methods", "job"), cell);
}

const NOTES = {
  stale: "The last version that worked is served until the file is mended.",
  failed: "It has not worked yet, so it serves nothing.",
  disabled: "Switched off in the configuration.",
  unloaded: "Unloaded; /load brings it back.",
};

function pluginCard(plugin, jobs) {
  const card = element("article", "plugin",
    element("h3", "", plugin.name),
    element("span", `badge ${plugin.state}`, plugin.state),
    element("span", "file", plugin.file || ""));
  if (NOTES[plugin.state]) card.append(element("p", "note", NOTES[plugin.state]));
  const routes = (plugin.routes || []).filter((route) => !route.hidden);
  const lines = [...routes.map(routeLine), ...jobs.map(jobLine)];
  if (lines.length > 0) card.append(element("ul", "routes", ...lines));
  return card;
}

function show(site) {
  const plugins = site.plugins || [];
  const faults = distinct([
    ...(site.diagnostics || []),
    ...plugins.flatMap((plugin) => plugin.diagnostics || []),
  ]);
  byId("trouble").hidden = faults.length === 0;
  byId("faults").replaceChildren(...faults.map(faultCard));
  const jobsOf = (plugin) => (site.jobs || []).filter((job) => job.plugin === plugin.name);
  byId("plugins").replaceChildren(...plugins.map((plugin) => pluginCard(plugin, jobsOf(plugin))));
  if (plugins.length === 0) {
    byId("plugins").append(element("p", "", "None yet. A file plugins/hello.rhai with ",
      element("code", "", 'get(|req| "hello");'), " is one."));
  }
  const trouble = faults.length > 0 ? `, ${many(faults.length, "thing", "things")} to mend` : "";
  status(`Generation ${site.generation}: ${many(plugins.length, "plugin", "plugins")}${trouble}`);
}

/** Looks once; fetches and shows everything only when what is served has changed. */
async function look() {
  const ready = await fetch("/readyz", { cache: "no-store" });
  const state = await ready.text();
  if (state === shown) return;
  const answer = await fetch("/plugins", { cache: "no-store" });
  if (answer.status === 403) {
    status("The list of plugins asks for the key of the administration: open /plugins with it.", true);
    shown = state;
    return;
  }
  if (!answer.ok) throw new Error(`/plugins answers ${answer.status}`);
  show(await answer.json());
  shown = state;
}

async function tick() {
  if (looking || document.hidden) return;
  looking = true;
  try {
    await look();
  } catch (error) {
    shown = null;
    status("The server does not answer; looking again…", true);
  }
  looking = false;
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(tick, POLL_MS);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  tick();
});

tick();
