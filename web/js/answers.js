// Remembers what runs answered: ComfyUI tells it once, and our widgets are made anew whenever a workflow is shown again.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

const STORE = "RealDenoise.answers";
const MOST_ANSWERS = 400;
const MOST_RUNS = 50;
const CLEARED = "00000000-0000-0000-0000-000000000000";

/** Key → answer, the oldest first; kept while the browser's tab lives, because the pictures live no longer either. */
const answers = new Map(stored());
/** Id of a run → {workflow, prompt}: as it was on the screen, and the nodes that were sent. */
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

/** The workflow on the screen. All that were cleared have the same id, until one is loaded again: each gets its own. */
function root() {
  const graph = app.rootGraph ?? app.graph;
  if (graph?.id === CLEARED) graph.id = globalThis.LiteGraph.uuidv4();
  return graph;
}

/** Every graph of the workflow on the screen. */
export const graphs = () => [root(), ...(root()?.subgraphs?.values() ?? [])];

/** With the kind, as a number is given again when the node that had it was undone. */
const place = (node) => `${root()?.id}/${node.graph?.id}/${node.id}/${node.type}`;

/** The place of a node of a run, whose id "9:5" is node 5 in the subgraph that node 9 stands for; or undefined. */
function placeIn(workflow, id) {
  const around = id.split(":");
  const own = around.pop();
  const kindOf = (graph, number) => graph?.nodes?.find((node) => String(node.id) === number)?.type;
  let graph = workflow;
  for (const each of around) {
    const kind = kindOf(graph, each);
    graph = workflow.definitions?.subgraphs?.find((subgraph) => subgraph.id === kind);
  }
  return graph?.id && `${workflow.id}/${graph.id}/${own}/${kindOf(graph, own)}`;
}

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
  const graph = runOf(started)?.workflow?.id;
  return !graph || graph === root()?.id;
}

/** A number for everything that a node's answer depends on, as ComfyUI's cache sees it: whatever the nodes' ids are. */
function signature(prompt, id) {
  const numbers = new Map([[id, 0]]);
  const numbered = (value) => {
    if (!Array.isArray(value) || !(value[0] in prompt)) return value;
    const source = String(value[0]);
    if (!numbers.has(source)) numbers.set(source, numbers.size);
    return { from: numbers.get(source), output: value[1] };
  };
  const needed = [];
  for (const each of numbers.keys()) {
    const { class_type, inputs } = prompt[each];
    needed.push([class_type, Object.entries(inputs ?? {}).map(([name, value]) => [name, numbered(value)])]);
  }
  const text = JSON.stringify(needed);
  let [low, high] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 2654435761);
    high = Math.imul(high ^ text.charCodeAt(i), 1597334677);
  }
  return `${low >>> 0}:${high >>> 0}`;
}

function note({ prompt_id, node, display_node, output }, prefix) {
  const id = String(display_node ?? node);
  const run = runOf(prompt_id);
  if (!output || !run?.prompt?.[id]?.class_type.startsWith(prefix)) return;
  put(signature(run.prompt, id), output);
  const behind = run.workflow && run.workflow.id !== root()?.id && placeIn(run.workflow, id);
  if (behind) put(behind, output);
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

/**
 * Nodes that ComfyUI spares their run send no answer: theirs is what the same node answered to the same inputs. It is
 * told as the server would tell it, so that ComfyUI's own previews of pictures are there again, too.
 */
async function bringBack({ prompt_id, nodes }, prefix) {
  const run = runOf(prompt_id);
  const spared = (nodes ?? []).map(String).filter((id) => run?.prompt?.[id]?.class_type.startsWith(prefix));
  if (!learnt && spared.some((id) => !answers.has(signature(run.prompt, id)))) await learn(prefix);
  for (const id of spared) {
    const output = answers.get(signature(run.prompt, id));
    const detail = { prompt_id, node: id, display_node: id, output };
    if (output && runsHere()) api.dispatchEvent(new CustomEvent("executed", { detail }));
    else if (output) note(detail, prefix);
  }
}

/** Starts to listen. prefix: of the nodes whose answers count. */
export function watch(prefix) {
  const queuePrompt = api.queuePrompt;
  api.queuePrompt = async function (number, data, ...rest) {
    const run = (sent = { workflow: data?.workflow, prompt: data?.output });
    const queued = await queuePrompt.call(this, number, data, ...rest);
    runs.set(queued?.prompt_id, run);
    cut(runs, MOST_RUNS);
    return queued;
  };
  api.addEventListener("execution_start", ({ detail }) => (started = detail?.prompt_id));
  api.addEventListener("execution_cached", ({ detail }) => bringBack(detail, prefix));
  api.addEventListener("executed", ({ detail }) => note(detail, prefix));
}
