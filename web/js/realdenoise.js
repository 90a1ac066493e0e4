// Shows on our nodes what a run answered: `ui.text` as lines, `ui.before` and `ui.after` as a slider.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { forget, graphs, recall, remember, runsHere, watch } from "./answers.js";

const PREFIX = "RealDenoise";
/** Nodes with lines of their own that no output carries. */
const TELLING = new Set(
  ["ConditionDenoiser", "DamageMask", "KnownPixels", "LoopClose", "PredictClean", "SchedulerStep", "StartDenoising"].map(
    (name) => PREFIX + name,
  ),
);
/** Modes of muted and of bypassed nodes. */
const SKIPPED = new Set([2, 4]);
const LINE = 16;
const MOST_LINES = 10;
/** Free on each side of an element on the classic canvas. */
const MARGIN = 6;
/** Of a node's width, what is not a text's, at most. */
const SIDES = 24;
const SLIDER_HEIGHT = 240;
const DIFFERENCE_GAIN = 4;
/** Until Vue nodes have taken in what a new graph holds. */
const SETTLED_MS = 200;
const STYLE = `
.realdenoise-text {
  box-sizing: border-box; width: 100%; height: 100%; overflow: auto; padding: 4px 8px; border-radius: 6px;
  background: var(--comfy-input-bg, #222); color: var(--input-text, #ddd);
  font: 11px/${LINE}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: text; cursor: text; max-height: ${LINE * MOST_LINES + 10}px;
}
.realdenoise-text:empty { visibility: hidden; padding: 0; }
.realdenoise-compare {
  position: relative; box-sizing: border-box; width: 100%; height: 100%; min-height: 160px; overflow: hidden;
  border-radius: 6px; cursor: ew-resize; touch-action: none; user-select: none;
}
.lg-node-widget .realdenoise-compare { height: auto; aspect-ratio: var(--ratio, 4 / 3); }
.realdenoise-compare:not(.full) :is(.pictures, .line, span, button) { display: none; }
.realdenoise-compare img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; pointer-events: none; }
.realdenoise-compare .line { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.realdenoise-compare span {
  position: absolute; top: 6px; padding: 1px 6px; border-radius: 4px; background: #000a; color: #fff;
  font: 11px/16px sans-serif; pointer-events: none;
}
.realdenoise-compare .before { left: 6px; }
.realdenoise-compare .after { right: 6px; }
.realdenoise-compare button {
  position: absolute; bottom: 6px; padding: 1px 8px; border: 0; border-radius: 4px; background: #000a;
  color: #fff; font: 11px/16px sans-serif; cursor: pointer;
}
.realdenoise-compare .pager { right: 6px; }
.realdenoise-compare .toggle { left: 6px; }
.realdenoise-compare .pictures { position: absolute; inset: 0; isolation: isolate; }
.realdenoise-compare.difference .pictures { filter: brightness(${DIFFERENCE_GAIN}); background: #000; }
.realdenoise-compare.difference img + img { mix-blend-mode: difference; clip-path: none !important; }
.realdenoise-compare.difference :is(.line, span) { display: none; }`;

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

/** Adds a widget that shows `shown` and is saved nowhere; heights are functions that answer in pixels. */
function addWidget(node, name, shown, getMinHeight, getMaxHeight) {
  // Classic nodes draw elements above the canvas, which would then miss the wheel.
  shown.addEventListener("wheel", (event) => {
    const scrolls = shown.scrollHeight > shown.clientHeight;
    if (!scrolls && !globalThis.LiteGraph?.vueNodesMode) app.canvas.processMouseWheel(event);
  });
  // The middle button, which drags the canvas.
  const pan = (name, pressed, method) =>
    shown.addEventListener(name, (event) => {
      if (pressed(event) && !globalThis.LiteGraph?.vueNodesMode) app.canvas[method](event);
    });
  pan("pointerdown", ({ button }) => button === 1, "processMouseDown");
  pan("pointermove", ({ buttons }) => buttons & 4, "processMouseMove");
  pan("pointerup", ({ button }) => button === 1, "processMouseUp");
  const widget = node.addDOMWidget(name, name, shown, {
    serialize: false,
    hideOnZoom: false,
    margin: MARGIN,
    getMinHeight,
    getMaxHeight,
    getValue: () => undefined,
    setValue: () => {},
  });
  widget.serialize = false;
  return widget;
}

function everyNode(act) {
  for (const graph of graphs()) graph?.nodes?.forEach(act);
}

/** A Vue node goes on showing the element that it has, when another node gets its number, as after an undo: here ours. */
function settle(node) {
  if (node.graph !== app.canvas.graph) return;
  for (const { name, element: own } of node.widgets ?? []) {
    if (!name?.startsWith("realdenoise_")) continue;
    const shown = document.querySelector(`[data-node-id="${node.id}"] .${own.classList[0]}`);
    if (shown !== own) shown?.replaceWith(own);
  }
}

let settling;

function settleSoon() {
  clearTimeout(settling);
  settling = setTimeout(() => everyNode(settle), SETTLED_MS);
}

function grow(node) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  node.setDirtyCanvas?.(true, true);
}

/** Height of a text in pixels on a node of that width: long lines wrap, more than MOST_LINES scroll. */
function textHeight(text, width) {
  if (!text) return 0;
  const ruler = element("div", "realdenoise-text", document.body);
  ruler.style.cssText = `position: absolute; visibility: hidden; height: auto; width: ${width - SIDES}px`;
  ruler.textContent = text;
  const height = ruler.offsetHeight;
  ruler.remove();
  return height + 2;
}

function addText(node) {
  const box = element("div", "realdenoise-text");
  let measured = {};
  const height = () => {
    const [text, width] = [box.textContent, node.size[0]];
    if (text !== measured.text || width !== measured.width) measured = { text, width, inside: textHeight(text, width) };
    const { inside } = measured;
    box.style.minHeight = `${inside}px`;
    return inside && inside + 2 * MARGIN;
  };
  addWidget(node, "realdenoise_text", box, height, height);
  node.realdenoiseText = (text) => {
    box.textContent = text;
    height();
    grow(node);
  };
}

function pictureUrl({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** A picture above another one, cut off where the pointer is; or the difference of both. */
function makeSlider() {
  const box = element("div", "realdenoise-compare");
  const pictures = element("div", "pictures", box);
  const after = element("img", "", pictures);
  const before = element("img", "", pictures);
  const line = element("div", "line", box);
  element("span", "before", box).textContent = "before";
  element("span", "after", box).textContent = "after";
  const pager = element("button", "pager", box);
  const toggle = element("button", "toggle", box);
  toggle.textContent = `difference ×${DIFFERENCE_GAIN}`;
  toggle.addEventListener("click", () => {
    const differs = box.classList.toggle("difference");
    toggle.textContent = differs ? "slider" : `difference ×${DIFFERENCE_GAIN}`;
  });
  let pairs = [];
  let index = 0;

  const split = (share) => {
    before.style.clipPath = `inset(0 ${100 - 100 * share}% 0 0)`;
    line.style.left = `${100 * share}%`;
  };
  const turn = (to) => {
    index = to % pairs.length;
    [before.src, after.src] = pairs[index].map(pictureUrl);
    pager.textContent = `${index + 1}/${pairs.length}`;
    pager.hidden = pairs.length < 2;
  };
  box.addEventListener("pointermove", (event) => {
    const { left, width } = box.getBoundingClientRect();
    split(Math.min(1, Math.max(0, (event.clientX - left) / width)));
  });
  pager.addEventListener("click", () => turn(index + 1));
  after.addEventListener("load", () => box.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight));
  // The server has removed them, as it does when it starts.
  for (const picture of [before, after]) picture.addEventListener("error", () => box.classList.remove("full"));
  split(0.5);
  const show = (befores, afters) => {
    pairs = befores.map((entry, i) => [entry, afters[i]]);
    box.classList.toggle("full", pairs.length > 0);
    if (pairs.length) turn(0);
  };
  return { box, show };
}

function addSlider(node) {
  const { box, show } = makeSlider();
  addWidget(node, "realdenoise_compare", box, () => SLIDER_HEIGHT);
  node.realdenoiseSlider = show;
}

function show(node, answer) {
  if (answer?.before?.length && answer.after?.length === answer.before.length) {
    node.realdenoiseSlider?.(answer.before, answer.after);
  }
  if (answer?.text?.length) node.realdenoiseText?.(answer.text.join("\n"));
}

/** Shows the card of the chosen denoiser, so that nobody has to run a workflow to read it. */
async function showCard(node, widget) {
  const name = widget.value;
  const answer = await api.fetchApi(`/realdenoise/card?${new URLSearchParams({ denoiser: name })}`);
  const text = await answer.text();
  if (widget.value === name && !recall(node)) node.realdenoiseText?.(text);
}

function addCard(node) {
  const widget = node.widgets?.find(({ name }) => name === "denoiser");
  if (!widget) return;
  const changed = widget.callback;
  widget.callback = function (...args) {
    const result = changed?.apply(this, args);
    forget(node);
    queueMicrotask(() => showCard(node, widget));
    return result;
  };
  node.realdenoiseCard = () => showCard(node, widget);
}

/** While a node works on a video it shows pictures, and what it showed last would stand before the video. */
function showFrames({ detail }) {
  const number = detail.displayNodeId?.split(":").pop();
  everyNode((node) => {
    if (node.realdenoiseVideo && String(node.id) === number) node.previewMediaType = "image";
  });
}

function showVideo(node) {
  node.previewMediaType = "video"; // without this Vue nodes without a video input take it for a picture
  delete app.nodePreviewImages?.[node.graph === graphs()[0] ? `${node.id}` : `${node.graph?.id}:${node.id}`];
}

/** Muted and bypassed nodes do not answer the run that starts; what they said before would pass for its result. */
function clearSkipped() {
  if (runsHere()) everyNode((node) => SKIPPED.has(node.mode) && node.realdenoiseClear?.());
}

app.registerExtension({
  name: "RealDenoise.Results",
  init() {
    element("style", "", document.head).textContent = STYLE;
    watch(PREFIX);
    api.addEventListener("execution_start", clearSkipped);
    api.addEventListener("b_preview_with_metadata", showFrames);
  },
  setup() {
    app.canvas.canvas.addEventListener("litegraph:set-graph", settleSoon);
  },
  refreshComboInNodes() {
    everyNode((node) => node.realdenoiseCard?.()); // a file may have come since, or another one in its place
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith(PREFIX)) return;
    const inputs = { ...nodeData.input?.required, ...nodeData.input?.optional };
    const created = nodeType.prototype.onNodeCreated;
    // From the start, not with the first answer: Vue nodes overlook widgets that are added later.
    nodeType.prototype.onNodeCreated = function () {
      created?.call(this);
      settleSoon();
      if ("before" in inputs && "after" in inputs) addSlider(this);
      if (nodeData.output?.includes("STRING") || TELLING.has(nodeData.name)) addText(this);
      if (nodeData.name === `${PREFIX}LoadDenoiser`) addCard(this);
      this.realdenoiseVideo = nodeData.output?.includes("VIDEO");
      this.realdenoiseClear = () => {
        forget(this);
        this.realdenoiseSlider?.([], []);
        if (this.realdenoiseCard) this.realdenoiseCard();
        else this.realdenoiseText?.("");
      };
      // A node that is loaded or pasted gets its number and values after this.
      queueMicrotask(() => {
        const answer = this.graph && recall(this);
        if (answer) show(this, answer);
        else if (this.graph) this.realdenoiseCard?.();
      });
    };
    const executed = nodeType.prototype.onExecuted;
    nodeType.prototype.onExecuted = function (answer) {
      executed?.call(this, answer);
      if (this.realdenoiseVideo && answer?.images?.length) showVideo(this);
      if (!answer || !runsHere()) return;
      remember(this, answer);
      show(this, answer);
    };
  },
});
