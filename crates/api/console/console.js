// The console: pages over the query API. Nothing that comes from the API is ever read as markup: text is set as text, attributes are set one by one.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const page = document.getElementById("page");
let turn = 0; // an answer to a page that was left is dropped

function put(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function draw(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

async function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters || {}).filter(([, value]) => value !== "" && value !== undefined));
  const answer = await fetch(path + (query.size ? "?" + query : ""));
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error || `the server answered with ${answer.status}`);
  return body;
}

function span(nanos) {
  if (nanos < 1e6) return `${Math.round(nanos / 1e3)} µs`;
  if (nanos < 1e9) return `${(nanos / 1e6).toFixed(nanos < 1e7 ? 1 : 0)} ms`;
  if (nanos < 6e10) return `${(nanos / 1e9).toFixed(2)} s`;
  return nanos < 3.6e12 ? `${Math.floor(nanos / 6e10)} m ${Math.floor(nanos / 1e9) % 60} s` : `${Math.floor(nanos / 3.6e12)} h ${Math.floor(nanos / 6e10) % 60} m`;
}
const moment = (nanos) => (nanos ? new Date(nanos / 1e6).toLocaleString() : "–");
const share = (part, whole) => (whole ? `${((part * 100) / whole).toFixed(1)} %` : "–");
const link = (to, text) => put("a", { href: to }, text);
const incidentLink = (id, text) => link("#/incident/" + encodeURIComponent(id), text || id);
const explainLink = (id) => link("#/explain/" + encodeURIComponent(id), id);
const word = (text) => put("span", { class: text.replaceAll(" ", "-") }, text);

function table(head, rows, numbers) {
  const isNumber = (at) => (at >= numbers ? { class: "number" } : {});
  const body = rows.map((row) => put("tr", {}, ...row.map((cell, at) => put("td", isNumber(at), cell))));
  const top = put("tr", {}, ...head.map((name, at) => put("th", isNumber(at), name)));
  return put("div", { class: "scroll" }, put("table", {}, put("thead", {}, top), put("tbody", {}, ...body)));
}

function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return put("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [put("dt", {}, name), put("dd", {}, value)]));
}

const none = (text) => put("p", { class: "dim" }, text);

async function incidents() {
  const { incidents } = await ask("/api/v1/incidents", { since_seconds: 86400 });
  const head = put("h1", {}, "What is wrong, or was in the last day");
  if (!incidents.length) return [head, none("Nothing: no incident, as far as transactions and alerts say.")];
  const rows = incidents.map((of) => {
    const first = of.suspects[0] || {};
    const lasted = span((of.end || of.updated_at) - of.start);
    return [word(of.state), moment(of.start), lasted, first.department || "", [first.service, first.kind && `(${first.kind})`].filter(Boolean).join(" "), incidentLink(of.id, of.summary), String(of.transactions)];
  });
  return [head, table(["state", "since", "lasts", "department", "suspect", "what", "transactions"], rows, 6)];
}

/** How many, of which types; each type leads to its transactions. */
function hits(of, about) {
  if (!of.transactions) return "";
  const links = of.types.flatMap((kind, at) => [at ? ", " : "", put("a", { href: "#/transactions/" + encodeURIComponent(kind) }, kind)]);
  return put("span", {}, `${about}${of.transactions} transactions of `, ...links, of.share ? `, ${(of.share * 100).toFixed(0)} % of them` : "");
}

async function incident(id) {
  const of = await ask("/api/v1/incidents/" + encodeURIComponent(id));
  const about = of.estimated ? "about " : "";
  const out = [put("h1", {}, "Incident ", of.id, " ", word(of.state)), put("p", { class: "summary" }, of.summary)];
  out.push(facts([
    ["since", moment(of.start)],
    ["over", of.end ? moment(of.end) : ""],
    ["found", `by ${of.found_by}, ${span(Math.max(0, of.detected_at - of.start))} after it began`],
    ["hits", hits(of, about)],
    ["customers", of.customers ? about + of.customers : ""],
    ["amount", of.amount ? about + of.amount.toFixed(2) : ""],
    ["beyond", of.excess_ms ? `${about}${span(of.excess_ms * 1e6)} more than is normal` : ""],
    ["alerts", of.alerts ? `${of.alerts}: ${of.alerting.map((each) => `${each.service} (${each.alerts})`).join(", ")}` : ""],
    ["part of", of.part_of ? incidentLink(of.part_of) : ""],
  ]));
  for (const advice of of.advice) out.push(put("div", { class: "advice" }, put("b", {}, `Advice on suspect ${advice.suspect}: `), advice.text, put("span", { class: "dim" }, `  ${advice.pack} ${advice.version}, ${advice.rule}`)));
  const rows = of.suspects.map((suspect) => [
    String(suspect.rank), suspect.department, suspect.service, suspect.operation, suspect.kind, [suspect.instance, suspect.version].filter(Boolean).join(" "),
    put("ul", {}, ...suspect.evidence.map((sentence) => put("li", {}, sentence))), `${(suspect.score * 100).toFixed(0)} %`, String(suspect.transactions)]);
  out.push(put("h2", {}, "Suspects"), table(["#", "department", "service", "operation", "what", "which", "why", "explains", "transactions"], rows, 7));
  if (of.examples.length) out.push(put("h2", {}, "Transactions that were hit"), put("ul", {}, ...of.examples.map((each) => put("li", {}, explainLink(each)))));
  if (of.before.length) out.push(put("h2", {}, "From before"), put("ul", {}, ...of.before.map((each) => put("li", {}, explainLink(each)))));
  return out;
}

async function transactions(kind) {
  const { transactions } = await ask("/api/v1/transactions", { limit: 100, type: kind });
  const head = put("h1", {}, kind ? `Transactions of ${kind} in the last hour` : "Transactions of the last hour");
  if (!transactions.length) return [head, none("None.")];
  const rows = transactions.map((of) => [explainLink(of.transaction_id), of.type, moment(of.start), word(of.outcome), of.slowest_department, span(of.duration), String(of.spans)]);
  return [head, table(["transaction", "type", "began", "outcome", "most time in", "took", "spans"], rows, 5)];
}

function waterfall(of) {
  const total = Math.max(1, of.transaction.duration);
  const [left, width, row] = [420, 880, 20];
  const picture = draw("svg", { viewBox: `0 0 ${left + width + 90} ${of.hops.length * row + 10}`, role: "img", "aria-label": "waterfall" });
  const depth = [];
  of.hops.forEach((hop, at) => {
    depth[at] = hop.parent < 0 ? 0 : depth[hop.parent] + 1;
    const top = at * row + 4;
    const x = (nanos) => left + (Math.min(Math.max(nanos, 0), total) / total) * width;
    const name = `${hop.service} ${hop.operation}${hop.count > 1 ? ` ×${hop.count}` : ""}`;
    const label = draw("text", { x: Math.min(depth[at], 12) * 12, y: top + 12 }, name.length > 58 ? name.slice(0, 57) + "…" : name);
    label.append(draw("title", {}, `${hop.department} / ${name}`));
    picture.append(label);
    const bar = draw("rect", { x: x(hop.start), y: top, width: Math.max(1, x(hop.start + hop.duration) - x(hop.start)), height: 14, class: `bar-${hop.kind} bar-faint${hop.errors ? " bar-failed" : ""}` });
    bar.append(draw("title", {}, `${hop.kind}, from ${span(hop.start)}, took ${span(hop.duration)}, of it own ${span(hop.self)}, network ${span(hop.network)}, queue ${span(hop.queue)}; on the critical path ${span(hop.critical)}`));
    picture.append(bar);
    // The wait before it starts stands before it, what it works itself within it.
    const part = (from, time, kind) => time && picture.append(draw("rect", { x: x(from), y: top + 3, width: Math.max(1, x(from + time) - x(from)), height: 8, class: `bar-${kind}` }));
    part(hop.start - hop.critical_queue - hop.critical_network, hop.critical_network, "network");
    part(hop.start - hop.critical_queue, hop.critical_queue, "queue");
    part(hop.start, Math.max(0, hop.critical - hop.critical_network - hop.critical_queue), hop.kind);
    picture.append(draw("text", { x: left + width + 6, y: top + 12 }, hop.critical ? span(hop.critical) : ""));
  });
  return picture;
}

async function explain(key) {
  const of = await ask("/api/v1/explain/" + encodeURIComponent(key));
  const head = of.transaction;
  const legend = ["own", "database", "network", "queue", "partner"].map((kind) => put("span", {}, put("i", { class: kind }), kind));
  const out = [put("h1", {}, head.transaction_id), put("p", { class: "summary" }, of.sentence)];
  out.push(facts([
    ["type", head.type], ["outcome", put("span", {}, word(head.outcome), " ", head.outcome_reason)], ["began", moment(head.start)], ["took", span(head.duration)],
    ["spans", `${head.spans} in ${head.traces} traces, ${head.errors} failed`], ["kept", head.kept ? `yes, by ${head.kept_by}: ${of.keep_reason}` : "no"],
    ...of.attributes.map((each) => [each.key, each.value]),
  ]));
  if (of.unusual.length) out.push(put("h2", {}, "Unusual"), put("ul", {}, ...of.unusual.map((each) => put("li", {}, each.sentence))));
  out.push(put("h2", {}, "Departments"), table(["department", "time on the critical path", "share"], of.by_department.map((each) => [each.department, span(each.time), share(each.time, head.duration)]), 1));
  out.push(put("h2", {}, "Waterfall"), put("p", { class: "legend dim" }, ...legend, "pale: whole call; full: its time on the critical path"), waterfall(of));
  return out;
}

/** Columns by the longest way from a caller; services of a cycle stay where they are met first. */
function columns(services, calls) {
  const column = new Map(services.map((of) => [of.service, 0]));
  for (let round = 0; round < Math.min(services.length, 12); round += 1) {
    for (const call of calls) {
      if (call.caller !== call.callee && column.has(call.caller) && column.has(call.callee) && column.get(call.callee) <= column.get(call.caller) && round < 8) column.set(call.callee, column.get(call.caller) + 1);
    }
  }
  return column;
}

// A service whose database or network another department owns comes once for each of them: all are told.
function eachOnce(services) {
  const all = new Map();
  for (const of of services) {
    const known = all.get(of.service);
    if (!known) {
      all.set(of.service, { ...of });
      continue;
    }
    known.department = [...known.department.split(" + "), of.department].sort().join(" + ");
    for (const sum of ["calls", "errors", "critical"]) known[sum] = Number(known[sum]) + Number(of[sum]);
  }
  return [...all.values()];
}

async function topology() {
  const found = await ask("/api/v1/topology", {});
  const head = put("h1", {}, "Who calls whom, in the last hour");
  if (!found.services.length) return [head, none("No transaction in that time.")];
  const services = eachOnce(found.services).slice(0, 120);
  const column = columns(services, found.calls);
  const [wide, high, gap] = [230, 44, 90];
  const used = new Map();
  const place = new Map();
  for (const of of services) {
    const at = column.get(of.service);
    const row = used.get(at) || 0;
    used.set(at, row + 1);
    place.set(of.service, { x: 10 + at * (wide + gap), y: 10 + row * (high + 16) });
  }
  const across = Math.max(...[...place.values()].map((at) => at.x)) + wide + 20;
  const down = Math.max(...[...place.values()].map((at) => at.y)) + high + 20;
  const picture = draw("svg", { viewBox: `0 0 ${across} ${down}`, width: across, role: "img", "aria-label": "topology" });
  const most = Math.max(...found.calls.map((call) => call.calls), 1);
  for (const call of found.calls) {
    const [from, to] = [place.get(call.caller), place.get(call.callee)];
    if (!from || !to || from === to) continue;
    const [x1, y1, x2, y2] = [from.x + wide, from.y + high / 2, to.x, to.y + high / 2];
    const way = draw("path", { d: `M${x1},${y1} C${x1 + 45},${y1} ${x2 - 45},${y2} ${x2},${y2}`, class: "edge" + (call.errors * 100 > call.calls ? " failing" : ""), "stroke-width": 1 + (4 * call.calls) / most });
    way.append(draw("title", {}, `${call.caller} → ${call.callee}: ${call.calls} calls, ${share(call.errors, call.calls)} failed, ${span(call.duration)} in the mean, network ${span(call.network)}`));
    picture.append(way);
  }
  for (const of of services) {
    const at = place.get(of.service);
    const node = draw("g", { class: "node" + (of.errors * 100 > of.calls ? " failing" : "") });
    node.append(draw("rect", { x: at.x, y: at.y, width: wide, height: high, rx: 4 }), draw("text", { x: at.x + 8, y: at.y + 18 }, of.service.slice(0, 32)), draw("text", { x: at.x + 8, y: at.y + 35, opacity: 0.65 }, `${of.department.slice(0, 24)} · ${of.calls} · ${share(of.errors, of.calls)}`));
    node.append(draw("title", {}, `${of.service} (${of.department}): ${of.calls} calls, ${share(of.errors, of.calls)} failed, ${span(of.critical)} on critical paths`));
    picture.append(node);
  }
  return [head, put("div", { class: "scroll" }, picture)];
}

async function departments() {
  const { departments, levels } = await ask("/api/v1/kpis", {});
  const out = [put("h1", {}, "Departments in the last hour")];
  if (!departments.length) return [...out, none("No transaction in that time.")];
  out.push(table(["department", "transactions", "failed", "calls", "errors", "share of the time", "p50", "p95", "missed levels"], departments.map((of) => [
    of.department, String(of.transactions), share(of.failed, of.transactions), String(of.calls), share(of.errors, of.calls), `${(of.critical_share * 100).toFixed(1)} %`, span(of.p50), span(of.p95), String(of.missed)]), 1));
  if (levels.length) out.push(put("h2", {}, "Service levels"), table(["type", "within", "objective", "attained", "burn rate", "transactions"], levels.map((of) => [
    of.type, span(of.latency), `${(of.objective * 100).toFixed(2)} %`, `${(of.attainment * 100).toFixed(2)} %`, of.burn_rate < 0 ? "∞" : of.burn_rate.toFixed(1), String(of.transactions)]), 1));
  return out;
}

async function deployments() {
  const { deployments } = await ask("/api/v1/deployments", {});
  const head = put("h1", {}, "New versions");
  if (!deployments.length) return [head, none("No new version has come while this server looked.")];
  return [head, table(["verdict", "service", "department", "version", "before", "since", "what"], deployments.map((of) => [word(of.verdict), of.service, of.department, of.candidate, of.baseline, moment(of.since), of.sentence]), 9)];
}

const pages = { incidents, incident, transactions, explain, topology, departments, deployments };

async function show() {
  const mine = (turn += 1);
  const [, name, argument] = location.hash.split("/");
  const known = Object.hasOwn(pages, name) ? name : "incidents";
  for (const each of document.querySelectorAll("nav a")) {
    if (each.getAttribute("href") === "#/" + known) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  let made;
  try {
    made = await pages[known](argument === undefined ? "" : decodeURIComponent(argument));
  } catch (error) {
    made = [put("p", { class: "problem" }, error.message)];
  }
  if (mine === turn) page.replaceChildren(...made);
}

document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = new FormData(event.target).get("key").trim();
  if (key) location.hash = "#/explain/" + encodeURIComponent(key);
});
addEventListener("hashchange", show);
setInterval(() => { if (!document.hidden && !location.hash.startsWith("#/explain")) show(); }, 10000);
show();
