// Remembers what runs answered: ComfyUI tells it once, and our widgets are made anew whenever a workflow is shown again.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

const STORE = "RealDenoise.answers";
const MOST_ANSWERS = 400;
const MOST_RUNS = 50;

/** Key → answer, the oldest first; kept while the browser's tab lives, because the pictures live no longer either. */
const answers = new Map(stored());
/** Id of a run → {graph, prompt}: which workflow it is of, and the nodes that were sent. */
const runs = new Map();
let started;
let sent;
let learnt = false;

/** A run may tell of itself before the answer to its sending has told its id. */
const runOf = (id) => runs.get(id) ?? sent;

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
  } catch {
    return [];
  }
}

function cut(map, most) {
  while (map.size > most) map.delete(map.keys().next().value);
}

function save() {
  cut(answers, MOST_ANSWERS);
  try {
    sessionStorage.setItem(STORE, JSON.stringify([...answers]));
  } catch {
    // Full or forbidden: then they are forgotten with the page.
  }
}

function put(key, answer) {
  answers.delete(key);
  answers.set(key, answer);
}

const rootId = () => (app.rootGraph ?? app.graph)?.id;
const rootPlace = (graph, id) => `${graph}/${graph}/${id}`;
const place = (node) => `${rootId()}/${node.graph?.id}/${node.id}`;

/** The last answer of a node on the screen, or undefined. */
export const recall = (node) => answers.get(place(node));

export function remember(node, answer) {
  put(place(node), answer);
  save();
}

/** To be called when something else than the last answer is shown. */
export function forget(node) {
  if (answers.delete(place(node))) save();
}

/** Whether what runs now is the workflow on the screen; another one has nodes of the same numbers. */
export function runsHere() {
  const graph = runOf(started)?.graph;
  return !graph || graph === rootId();
}

/** A number for everything that a node's answer depends on, as ComfyUI's cache sees it. */
function signature(prompt, id) {
  const needed = new Set([id]);
  for (const each of needed) {
    for (const value of Object.values(prompt[each]?.inputs ?? {})) {
      if (Array.isArray(value) && value[0] in prompt) needed.add(String(value[0]));
    }
  }
  const text = JSON.stringify([...needed].sort().map((each) => [each, prompt[each]?.class_type, prompt[each]?.inputs]));
  let [low, high] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 2654435761);
    high = Math.imul(high ^ text.charCodeAt(i), 1597334677);
  }
  return `${id}:${low >>> 0}:${high >>> 0}`;
}

function note({ prompt_id, node, display_node, output }, prefix) {
  const id = String(display_node ?? node);
  const run = runOf(prompt_id);
  if (!output || !run?.prompt?.[id]?.class_type.startsWith(prefix)) return;
  put(signature(run.prompt, id), output);
  if (run.graph && run.graph !== rootId()) put(rootPlace(run.graph, id), output);
  save();
}

/** What was answered before this page was opened: ComfyUI's cache is older than the page, and so is its history. */
async function learn(prefix) {
  learnt = true;
  const response = await api.fetchApi(`/history?max_items=${MOST_RUNS}`);
  for (const { prompt, outputs } of Object.values(await response.json())) {
    for (const [id, output] of Object.entries(outputs ?? {})) {
      if (prompt?.[2]?.[id]?.class_type.startsWith(prefix)) put(signature(prompt[2], id), output);
    }
  }
}

/** Nodes that ComfyUI spares their run send no answer: theirs is what the same node answered to the same inputs. */
async function bringBack({ prompt_id, nodes }, prefix, show) {
  const run = runOf(prompt_id);
  const spared = (nodes ?? []).filter((id) => run?.prompt?.[id]?.class_type.startsWith(prefix));
  if (!learnt && spared.some((id) => !answers.has(signature(run.prompt, String(id))))) await learn(prefix);
  for (const id of spared) {
    const answer = answers.get(signature(run.prompt, String(id)));
    if (!answer) continue;
    put(rootPlace(run.graph ?? rootId(), id), answer);
    const node = runsHere() && (app.rootGraph ?? app.graph).getNodeById(Number(id));
    if (node) show(node, answer);
  }
  save();
}

/** Starts to listen. prefix: of the nodes whose answers count. show: called with a node and its answer from before. */
export function watch(prefix, show) {
  const queuePrompt = api.queuePrompt;
  api.queuePrompt = async function (number, data, ...rest) {
    const run = (sent = { graph: data?.workflow?.id, prompt: data?.output });
    const queued = await queuePrompt.call(this, number, data, ...rest);
    runs.set(queued?.prompt_id, run);
    cut(runs, MOST_RUNS);
    return queued;
  };
  api.addEventListener("execution_start", ({ detail }) => (started = detail?.prompt_id));
  api.addEventListener("execution_cached", ({ detail }) => bringBack(detail, prefix, show));
  api.addEventListener("executed", ({ detail }) => note(detail, prefix));
}
