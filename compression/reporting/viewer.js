// Shows what is in the page's blocks of data; compression/reporting/photos.py describes them.
"use strict";

(() => {
  const RESIDUAL_COLUMNS = { wide: 16, narrow: 8 };
  const NARROW = matchMedia("(max-width: 60rem)"); // as in viewer.css
  const SPLIT_STEP = 2; // percent, for an arrow key
  const SPLIT_LEAP = 10; // for page up and page down
  const LOUPE_STEP = 1 / 4; // of the magnified region, for an arrow key

  const element = (id) => document.getElementById(id);
  const stage = element("stage");
  const loupe = element("loupe");
  const divider = element("divider");
  const iteration = element("iteration");
  const details = [...document.querySelectorAll(".detail")];
  const sides = ["left", "right"];

  const loaded = new Map();
  let photo;
  let split = 50; // percent of the width
  let centre = { x: 0.5, y: 0.5 }; // of the magnified region, as fractions of the sides

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

  /** The data of a photo, read when it is first shown. */
  function load(number) {
    if (!loaded.has(number)) {
      loaded.set(number, JSON.parse(element(`photo-${number}`).textContent));
    }
    return loaded.get(number);
  }

  /** "original", "ours" or "jpeg" as the slider has it: title, facts and address. */
  function version(name) {
    const versions = photo[name];
    return Array.isArray(versions) ? versions[iteration.valueAsNumber - 1] : versions;
  }

  function setPicture(image, shown) {
    image.alt = `${photo.name}: ${shown.title}`;
    if (image.src !== shown.uri) {
      image.src = shown.uri;
    }
  }

  function showSides() {
    for (const side of sides) {
      const shown = version(element(side).value);
      setPicture(element(`${side}-image`), shown);
      element(`${side}-tag`).textContent = shown.title;
    }
  }

  function showDetails() {
    for (const detail of details) {
      const shown = version(detail.dataset.version);
      setPicture(detail.querySelector("img"), shown);
      detail.querySelector("strong").textContent = shown.title;
      const facts = shown.facts.map((text) => {
        const fact = document.createElement("span");
        fact.textContent = text;
        return fact;
      });
      detail.querySelector(".facts").replaceChildren(...facts);
    }
  }

  /** The part of the photo that is magnified, in its pixels. */
  function region() {
    const zoom = Number(chosen("zoom"));
    const { clientWidth, clientHeight } = details[0].querySelector(".window");
    const width = Math.min(clientWidth / zoom, photo.width);
    const height = Math.min(clientHeight / zoom, photo.height);
    const x = Math.round(clamp(centre.x * photo.width - width / 2, 0, photo.width - width));
    const y = Math.round(clamp(centre.y * photo.height - height / 2, 0, photo.height - height));
    return { zoom, x, y, width, height };
  }

  function showRegion() {
    const { zoom, x, y, width, height } = region();
    loupe.style.left = `${(100 * x) / photo.width}%`;
    loupe.style.top = `${(100 * y) / photo.height}%`;
    loupe.style.width = `${(100 * width) / photo.width}%`;
    loupe.style.height = `${(100 * height) / photo.height}%`;
    for (const detail of details) {
      const { clientWidth, clientHeight } = detail.querySelector(".window");
      const image = detail.querySelector("img");
      // A photo that is smaller than the window stands in its middle.
      const left = Math.max((clientWidth - photo.width * zoom) / 2, 0) - x * zoom;
      const top = Math.max((clientHeight - photo.height * zoom) / 2, 0) - y * zoom;
      image.style.width = `${photo.width * zoom}px`;
      image.style.height = `${photo.height * zoom}px`;
      image.style.transform = `translate(${left}px, ${top}px)`;
    }
  }

  function showSplit() {
    stage.style.setProperty("--split", `${split}%`);
    divider.setAttribute("aria-valuenow", String(Math.round(split)));
  }

  function showIteration() {
    element("iteration-value").textContent = iteration.value;
    const residual = document.querySelector(`input[name="residual"][value="${iteration.value}"]`);
    residual.checked = true;
    showSides();
    showDetails();
  }

  /** A radio button for each iteration, with the residual as its label. */
  function makeResidual(shown, index) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "residual";
    input.value = String(index + 1);
    const image = document.createElement("img");
    image.src = shown.residual;
    image.alt = "";
    const text = document.createElement("span");
    text.textContent = input.value;
    label.append(input, image, text);
    return label;
  }

  function showResiduals() {
    const strip = document.createElement("div");
    strip.append(...photo.ours.map(makeResidual));
    element("residuals").querySelector("div")?.remove();
    element("residuals").append(strip);
    showColumns();
  }

  function showColumns() {
    const most = NARROW.matches ? RESIDUAL_COLUMNS.narrow : RESIDUAL_COLUMNS.wide;
    const columns = Math.min(photo.ours.length, most);
    element("residuals").style.setProperty("--columns", String(columns));
  }

  function showPhoto(number) {
    photo = load(number);
    centre = { x: 0.5, y: 0.5 };
    stage.style.setProperty("--ratio", String(photo.width / photo.height));
    showResiduals();
    showIteration();
    showRegion();
  }

  function setSplit(percent) {
    split = clamp(percent, 0, 100);
    showSplit();
  }

  function setCentre(x, y) {
    centre = { x: clamp(x, 0, 1), y: clamp(y, 0, 1) };
    showRegion();
  }

  /** Moves the region by so many of its own sides, from where it is seen to be. */
  function moveRegion(right, down) {
    const { x, y, width, height } = region();
    setCentre(
      (x + width / 2 + right * width) / photo.width,
      (y + height / 2 + down * height) / photo.height,
    );
  }

  /** Calls `move` with the pointer's place as fractions of the stage while it is down. */
  function follow(target, move) {
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    };
    target.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) {
        return;
      }
      event.stopPropagation(); // the divider lies on the stage
      target.setPointerCapture(event.pointerId);
      place(event);
    });
    target.addEventListener("pointermove", (event) => {
      if (target.hasPointerCapture(event.pointerId)) {
        place(event);
      }
    });
  }

  /** Calls the action of a key; those without one keep their meaning. */
  function onKeys(target, actions) {
    target.addEventListener("keydown", (event) => {
      if (event.key in actions && !event.ctrlKey && !event.altKey && !event.metaKey) {
        event.preventDefault();
        actions[event.key]();
      }
    });
  }

  follow(stage, setCentre);
  follow(divider, (x) => setSplit(100 * x));
  onKeys(loupe, {
    ArrowLeft: () => moveRegion(-LOUPE_STEP, 0),
    ArrowRight: () => moveRegion(LOUPE_STEP, 0),
    ArrowUp: () => moveRegion(0, -LOUPE_STEP),
    ArrowDown: () => moveRegion(0, LOUPE_STEP),
  });
  onKeys(divider, {
    ArrowLeft: () => setSplit(split - SPLIT_STEP),
    ArrowDown: () => setSplit(split - SPLIT_STEP),
    ArrowRight: () => setSplit(split + SPLIT_STEP),
    ArrowUp: () => setSplit(split + SPLIT_STEP),
    PageDown: () => setSplit(split - SPLIT_LEAP),
    PageUp: () => setSplit(split + SPLIT_LEAP),
    Home: () => setSplit(0),
    End: () => setSplit(100),
  });
  iteration.addEventListener("input", showIteration);
  for (const side of sides) {
    element(side).addEventListener("change", showSides);
  }
  element("zoom").addEventListener("change", showRegion);
  element("choices").addEventListener("change", () => showPhoto(chosen("photo")));
  element("residuals").addEventListener("change", () => {
    iteration.value = chosen("residual");
    showIteration();
  });
  NARROW.addEventListener("change", showColumns);
  new ResizeObserver(showRegion).observe(details[0].querySelector(".window"));

  showPhoto(chosen("photo"));
})();
