/** The example page: a file or a photo is chosen, pictures come, a slider goes through them. */

import {decode, draw, encode} from "./client.js";

/** @typedef {import("./client.js").PictureMessage} PictureMessage */

/** Bytes of pictures that are kept for the slider; of larger images, only the last ones. */
const MAX_KEPT_BYTES = 2 ** 30;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
const element = (id) => /** @type {T} */ (document.getElementById(id));

const slider = /** @type {HTMLInputElement} */ (element("iteration"));
const canvas = /** @type {HTMLCanvasElement} */ (element("picture"));
const original = /** @type {HTMLImageElement} */ (element("original-image"));

/** By iteration. @type {Map<number, PictureMessage>} */
let kept = new Map();
let name = "";
/** Ends what is going on. */
let stop = () => {};
/** Whether the slider follows what comes: until the user moves it. */
let follows = true;
/** Whether the original is the photo that is compressed, and no file's that comes later. */
let isOwnOriginal = false;

/**
 * @param {string | Blob} source
 * @param {string} called
 */
function open(source, called) {
  begin(called);
  say(`${name}: decoding`);
  stop = decode(source, handlers());
}

/** @param {File} photo */
function compress(photo) {
  begin(photo.name);
  say(`${name}: compressing`);
  stop = encode(photo, handlers(() => {
    showOriginal(URL.createObjectURL(photo));
    isOwnOriginal = true;
  }));
}

/** @param {string} called what comes now */
function begin(called) {
  stop();
  kept = new Map();
  name = called;
  follows = true;
  if (isOwnOriginal) original.removeAttribute("src");
  if (isOwnOriginal) element("original").hidden = true;
  isOwnOriginal = false;
  element("viewer").hidden = true;
  element("iterations").replaceChildren();
  element("wrong").textContent = "";
  element("stop").hidden = false;
}

/** @param {string} words what is to say when nothing more comes */
function finish(words) {
  say(words);
  const button = element("stop");
  const hasFocus = document.activeElement === button;
  button.hidden = true;
  if (hasFocus) slider.focus(); // not nowhere
}

/** @param {number} iterations */
function counted(iterations) {
  return `${iterations} ${iterations === 1 ? "iteration" : "iterations"}`;
}

/**
 * @param {() => void} [first] is called before the first picture
 * @returns {import("./client.js").Handlers}
 */
function handlers(first = () => {}) {
  return {
    picture(picture) {
      if (!kept.size) first();
      keep(picture);
      addRow(picture);
      element("viewer").hidden = false;
      if (follows) slider.value = String(picture.iteration);
      show();
      say(`${name}: iteration ${picture.iteration} of ${picture.layers}`);
    },
    end(iterations, damage) {
      finish(`${name}: ${counted(iterations)}, done`);
      if (damage !== null) element("wrong").textContent = `${name}: ${damage}`;
    },
    error(message) {
      finish("");
      element("wrong").textContent = message.startsWith(name) ? message : `${name}: ${message}`;
    },
  };
}

/** @param {string} words */
function say(words) {
  element("status").textContent = words;
}

/** @param {PictureMessage} picture */
function keep(picture) {
  kept.set(picture.iteration, picture);
  const most = Math.max(1, Math.floor(MAX_KEPT_BYTES / picture.pixels.length));
  for (const iteration of kept.keys()) {
    if (kept.size <= most) break;
    kept.delete(iteration);
  }
  slider.min = String(Math.min(...kept.keys()));
  slider.max = String(picture.iteration);
}

/** @param {PictureMessage} picture */
function addRow({iteration, bytes, seconds, height, width}) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = String(iteration);
  row.append(head);
  for (const text of [String(bytes), ((8 * bytes) / (height * width)).toFixed(3), seconds.toFixed(2)]) {
    row.append(Object.assign(document.createElement("td"), {textContent: text}));
  }
  element("iterations").append(row);
}

/** Shows the picture where the slider stands. */
function show() {
  const picture = kept.get(Number(slider.value));
  if (picture === undefined) return;
  draw(canvas, picture);
  const {iteration, layers, bytes, width, height} = picture;
  const facts = `${iteration} of ${layers}, ${bytes} bytes`;
  element("facts").textContent = facts;
  slider.setAttribute("aria-valuetext", `iteration ${facts}`);
  canvas.setAttribute("aria-label", `${name} after ${counted(iteration)}`);
  offer(picture);
  const decibels = psnr(picture);
  element("caption").textContent =
    `${name}, ${width} x ${height}` + (decibels === null ? "" : `, PSNR ${decibels.toFixed(2)} dB`);
  for (const [index, row] of [...element("iterations").children].entries()) {
    if (index + 1 === iteration) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/**
 * The file of a photo up to the iteration that is shown.
 *
 * @param {PictureMessage} picture
 */
function offer({file}) {
  const link = /** @type {HTMLAnchorElement} */ (element("download"));
  if (link.href) URL.revokeObjectURL(link.href);
  link.removeAttribute("href");
  link.hidden = file === undefined;
  if (file === undefined) return;
  link.href = URL.createObjectURL(new Blob([file]));
  link.download = `${name.replace(/\.[^.]*$/, "")}.rnic`;
  link.textContent = `Download ${link.download}, ${file.length} bytes`;
}

/**
 * @param {PictureMessage} picture
 * @returns {number | null} decibels against the original; null without one of the same size
 */
function psnr({height, width, pixels}) {
  if (!original.complete || original.naturalWidth !== width || original.naturalHeight !== height) return null;
  const scratch = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (scratch.getContext("2d"));
  context.fillStyle = "white"; // as photos are compressed
  context.fillRect(0, 0, width, height);
  context.drawImage(original, 0, 0);
  const {data} = context.getImageData(0, 0, width, height);
  let sum = 0;
  for (let index = 0; index < data.length; index++) sum += (data[index] - pixels[index]) ** 2; // alpha: 0
  return 10 * Math.log10((255 ** 2 * 3 * height * width) / sum);
}

/** @param {string} address */
function showOriginal(address) {
  if (original.src.startsWith("blob:")) URL.revokeObjectURL(original.src);
  original.src = address;
}

/** @param {string} address of a file; only this page's own server is asked */
function openAddress(address) {
  if (!address) return;
  let url;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    element("wrong").textContent = `${address}: is no address`;
    return;
  }
  if (url.origin !== location.origin) {
    stop();
    finish("");
    element("wrong").textContent = `${address}: is elsewhere; this page asks its own server only`;
    return;
  }
  open(url.href, address);
}

/** @param {File[]} files that were dropped */
function take(files) {
  const photos = files.filter(isPhoto);
  const others = files.filter((file) => !isPhoto(file));
  for (const file of others) open(file, file.name);
  if (!photos.length) return;
  if (others.length) showOriginal(URL.createObjectURL(photos[0]));
  else compress(photos[0]);
}

/** @param {File} file */
function isPhoto({type}) {
  return type.startsWith("image/");
}

element("stop").addEventListener("click", () => {
  stop();
  finish(`${name}: stopped after ${counted(element("iterations").children.length)}`);
});
slider.addEventListener("input", () => {
  follows = slider.value === slider.max;
  show();
});
original.addEventListener("load", () => {
  element("original").hidden = false;
  show();
});
original.addEventListener("error", () => {
  element("original").hidden = true;
  element("wrong").textContent = "the original is no picture that this browser shows";
});
for (const [id, use] of /** @type {[string, (file: File) => void][]} */ ([
  ["file", (file) => open(file, file.name)],
  ["original-file", (file) => showOriginal(URL.createObjectURL(file))],
  ["photo-file", compress],
])) {
  const input = /** @type {HTMLInputElement} */ (element(id));
  input.addEventListener("change", () => {
    if (input.files?.length) use(input.files[0]);
  });
}
element("address").addEventListener("submit", (event) => {
  event.preventDefault();
  openAddress(/** @type {HTMLInputElement} */ (element("src")).value.trim());
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take([...(event.dataTransfer?.files ?? [])]);
});

const asked = new URLSearchParams(location.search);
const originalAddress = asked.get("original");
if (originalAddress) showOriginal(originalAddress);
openAddress(asked.get("src") ?? "");
