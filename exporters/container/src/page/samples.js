"use strict";
// The page reads the metrics itself, while somebody looks at it. What the lines are drawn from
// stays in the browser: the exporter does nothing between scrapes and keeps no samples.
const PERIOD_MS = 5000;
const WINDOW_MS = 5 * 60 * 1000;
// Samples of a container that are kept at most, and how far apart two joined ones may be.
const POINTS = WINDOW_MS / PERIOD_MS;
const GAP_MS = 3 * PERIOD_MS;
const FAMILIES = ["container_cpu_usage_seconds_total", "container_health_status",
  "container_last_exit_code", "container_memory_working_set_bytes",
  "container_network_receive_bytes_total", "container_network_transmit_bytes_total",
  "container_restarts_total", "container_runtime_up", "container_spec_memory_limit_bytes",
  "container_start_time_seconds", "container_state", "machine_memory_bytes"];
const WANTED = new Set(FAMILIES);
const PROJECTS = ["compose_project", "container_label_com_docker_compose_project"];
const metrics = document.body.dataset.metrics;
const source = `${metrics}?${FAMILIES.map((name) => `name[]=${name}`).join("&")}`;
const byId = (id) => document.getElementById(id);
const isPaused = () => byId("pause").getAttribute("aria-pressed") === "true";

function* samples(text) {
  const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
  const unescape = (value) => value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  for (const line of text.split("\n")) {
    const name = line.slice(0, line.search(/[{ ]/));
    if (!WANTED.has(name)) continue;
    const end = line.lastIndexOf("}") + 1 || name.length;
    const labels = {};
    for (const [, key, value] of line.slice(0, end).matchAll(label)) labels[key] = unescape(value);
    yield [name, labels, Number(line.slice(end).trim().split(" ")[0])];
  }
}

function read(text, time) {
  const sample = { time, containers: new Map(), memory: 0, runtime: null };
  for (const [name, labels, value] of samples(text)) {
    if (name === "machine_memory_bytes") sample.memory = value;
    if (name === "container_runtime_up") sample.runtime = Math.max(sample.runtime ?? 0, value);
    if (!labels.name) continue;
    if (!sample.containers.has(labels.id)) {
      const project = PROJECTS.map((label) => labels[label]).find((value) => value) ?? "";
      const { id, name, image = "" } = labels;
      sample.containers.set(id, { id, name, image, project });
    }
    const container = sample.containers.get(labels.id);
    const add = (key) => { container[key] = (container[key] ?? 0) + value; };
    switch (name) {
      case "container_cpu_usage_seconds_total": add("cpuSeconds"); break;
      case "container_network_receive_bytes_total": add("received"); break;
      case "container_network_transmit_bytes_total": add("sent"); break;
      case "container_memory_working_set_bytes": container.memory = value; break;
      case "container_spec_memory_limit_bytes": container.limit = value; break;
      case "container_restarts_total": container.restarts = value; break;
      case "container_last_exit_code": container.exit = value; break;
      case "container_start_time_seconds": container.started = value; break;
      case "container_state": if (value === 1) container.state = labels.state; break;
      case "container_health_status": if (value === 1) container.health = labels.status; break;
    }
  }
  return sample;
}

function addRates(sample, before) {
  const seconds = before ? (sample.time - before.time) / 1000 : 0;
  for (const [id, container] of sample.containers) {
    const old = before?.containers.get(id);
    const rate = (key) => {
      const grown = container[key] - old?.[key];
      return seconds > 0 && grown >= 0 ? grown / seconds : undefined;
    };
    container.cpu = rate("cpuSeconds");
    container.receiving = rate("received");
    container.sending = rate("sent");
    container.room = container.limit > 0 && container.limit <= sample.memory
      ? container.limit : undefined;
    container.share = container.memory / (container.room ?? sample.memory);
  }
}

// Goes on with the points of the sample before: those of containers that are gone go with it.
function addPoints(sample, before) {
  for (const [id, container] of sample.containers) {
    const { cpu, memory } = container;
    const known = before?.containers.get(id)?.points ?? [];
    const recent = known.filter((point) => sample.time - point.time < WINDOW_MS);
    container.points = [...recent, { time: sample.time, cpu, memory }].slice(-POINTS);
  }
}
