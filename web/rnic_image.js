/**
 * `<rnic-image src="photo.rnic" alt="A harbour"></rnic-image>`: an image that gets better while its
 * file arrives.
 *
 * `iterations="4"` reads no more than so many. Events: `picture` after each iteration, with `detail`
 * {iteration, layers, bytes, seconds}; `end` with {iterations, damage}; `error` with {message}. What
 * is wrong is also said below the image.
 */

import {decode, draw} from "./client.js";

const STYLE = `
  :host { display: inline-block; max-width: 100%; }
  :host([hidden]) { display: none; }
  canvas { display: block; max-width: 100%; height: auto; }
  p { margin: 0.25em 0 0; font: 0.875em system-ui, sans-serif; }
  p:empty { display: none; }
`;

export class RnicImage extends HTMLElement {
  static observedAttributes = ["src", "alt", "iterations"];

  #canvas = document.createElement("canvas");
  #words = document.createElement("p");
  /** @type {(() => void) | null} */
  #stop = null;
  #isDue = false;

  constructor() {
    super();
    const root = this.attachShadow({mode: "open"});
    const sheet = new CSSStyleSheet(); // unlike <style>, pages that forbid inline styles allow it
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#canvas.setAttribute("role", "img");
    this.#canvas.width = this.#canvas.height = 0;
    this.#words.setAttribute("role", "status");
    root.append(this.#canvas, this.#words);
  }

  /** The address of the file. */
  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(address) {
    this.setAttribute("src", address);
  }

  connectedCallback() {
    this.#start();
  }

  disconnectedCallback() {
    this.#stop?.();
    this.#stop = null;
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "alt") this.#canvas.setAttribute("aria-label", this.getAttribute("alt") ?? "");
    else if (this.isConnected) this.#start();
  }

  /** Once for all attributes that change together. */
  #start() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.#stop?.();
      this.#words.textContent = "";
      this.#canvas.width = this.#canvas.height = 0;
      const source = this.src;
      if (!this.isConnected || !source) return;
      const tell = {
        picture: (/** @type {import("./client.js").PictureMessage} */ picture) => {
          draw(this.#canvas, picture);
          const {iteration, layers, bytes, seconds} = picture;
          this.#say("picture", {iteration, layers, bytes, seconds});
        },
        end: (/** @type {number} */ iterations, /** @type {string | null} */ damage) => {
          this.#words.textContent = damage ?? "";
          this.#say("end", {iterations, damage});
        },
        error: (/** @type {string} */ message) => {
          this.#words.textContent = message;
          this.#say("error", {message});
        },
      };
      this.#stop = decode(source, tell, Number(this.getAttribute("iterations")) || undefined);
    });
  }

  /**
   * @param {string} name
   * @param {object} detail
   */
  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, {detail}));
  }
}

customElements.define("rnic-image", RnicImage);
