// Shows on our nodes what a run answered: `ui.text` as lines, `ui.before` and `ui.after` as a slider.
import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

const PREFIX = "RealDenoise";
const LINE = 16;
const MOST_LINES = 10;
const STYLE = `
.realdenoise-text {
  box-sizing: border-box; width: 100%; height: 100%; overflow: auto; padding: 4px 8px; border-radius: 6px;
  background: var(--comfy-input-bg, #222); color: var(--input-text, #ddd);
  font: 11px/${LINE}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: text; cursor: text;
}
.realdenoise-compare {
  position: relative; box-sizing: border-box; width: 100%; height: 100%; min-height: 160px; overflow: hidden;
  border-radius: 6px; background: #000; cursor: ew-resize; touch-action: none; user-select: none;
}
.realdenoise-compare img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; pointer-events: none; }
.realdenoise-compare .line { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.realdenoise-compare span {
  position: absolute; top: 6px; padding: 1px 6px; border-radius: 4px; background: #000a; color: #fff;
  font: 11px/16px sans-serif; pointer-events: none;
}
.realdenoise-compare .before { left: 6px; }
.realdenoise-compare .after { right: 6px; }
.realdenoise-compare button {
  position: absolute; bottom: 6px; right: 6px; padding: 1px 8px; border: 0; border-radius: 4px; background: #000a;
  color: #fff; font: 11px/16px sans-serif; cursor: pointer;
}`;

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

/** Adds a widget that shows `shown` and is saved nowhere; `height` is called with nothing and answers in pixels. */
function addWidget(node, name, shown, height) {
  // Classic nodes draw elements above the canvas, which would then miss the wheel.
  shown.addEventListener("wheel", (event) => {
    const scrolls = shown.scrollHeight > shown.clientHeight;
    if (!scrolls && !globalThis.LiteGraph?.vueNodesMode) app.canvas.processMouseWheel(event);
  });
  const widget = node.addDOMWidget(name, name, shown, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: height,
    getValue: () => undefined,
    setValue: () => {},
  });
  widget.serialize = false;
  return widget;
}

function grow(node) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  node.setDirtyCanvas?.(true, true);
}

function showText(node, text) {
  const lines = () => Math.min(MOST_LINES, node.realdenoiseText.textContent.split("\n").length);
  if (!node.realdenoiseText) {
    node.realdenoiseText = element("div", "realdenoise-text");
    addWidget(node, "realdenoise_text", node.realdenoiseText, () => LINE * lines() + 8);
  }
  node.realdenoiseText.textContent = text;
  node.realdenoiseText.style.minHeight = `${LINE * lines() + 8}px`;
  grow(node);
}

function pictureUrl({ filename, subfolder, type }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** A picture above another one, cut off where the pointer is. */
function makeSlider() {
  const box = element("div", "realdenoise-compare");
  const after = element("img", "", box);
  const before = element("img", "", box);
  const line = element("div", "line", box);
  element("span", "before", box).textContent = "before";
  element("span", "after", box).textContent = "after";
  const pager = element("button", "", box);
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
  split(0.5);
  return {
    box,
    show(befores, afters) {
      pairs = befores.map((entry, i) => [entry, afters[i]]);
      turn(0);
    },
  };
}

function showSlider(node, befores, afters) {
  if (!node.realdenoiseSlider) {
    node.realdenoiseSlider = makeSlider();
    addWidget(node, "realdenoise_compare", node.realdenoiseSlider.box, () => 240);
  }
  node.realdenoiseSlider.show(befores, afters);
  grow(node);
}

function show(node, answer) {
  if (answer?.before?.length && answer?.after?.length === answer.before.length) {
    showSlider(node, answer.before, answer.after);
  }
  if (answer?.text?.length) showText(node, answer.text.join("\n"));
}

app.registerExtension({
  name: "RealDenoise.Results",
  init() {
    element("style", "", document.head).textContent = STYLE;
  },
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith(PREFIX)) return;
    const executed = nodeType.prototype.onExecuted;
    nodeType.prototype.onExecuted = function (answer) {
      executed?.call(this, answer);
      show(this, answer);
    };
  },
  loadedGraphNode(node) {
    // Coming back to a workflow's tab: the answers are still known, only our widgets are gone.
    if (node.type?.startsWith(PREFIX)) show(node, app.nodeOutputs?.[node.id]);
  },
});
