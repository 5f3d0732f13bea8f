// What stands in the way of people who use a page without a mouse, or with weak eyes.
(() => {
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const tell = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 140);

  const said = (e) => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll("[aria-hidden=true]").forEach((hidden) => hidden.remove());
    const labels = [...(e.labels ?? [])].map((label) => label.innerText);
    const texts = [e.ariaLabel, e.title, copy.textContent, e.querySelector("img")?.alt, ...labels];
    return texts.some((text) => text?.trim());
  };

  const dot = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (colours) => {
    dot.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      dot.fillStyle = colour;
      dot.fillRect(0, 0, 1, 1);
    }
    return [...dot.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (part) =>
    part <= 0.04045 * 255 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (e) =>
    e === null ? ["white"] : [...behind(e.parentElement), getComputedStyle(e).backgroundColor];
  const contrast = (e) => {
    const ground = behind(e);
    const text = luminance(painted([...ground, getComputedStyle(e).color]));
    const page = luminance(painted(ground));
    const by = (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05);
    return Math.round(by * 100) / 100;
  };
  const needed = (e) => {
    const { fontSize, fontWeight } = getComputedStyle(e);
    const size = parseFloat(fontSize);
    return size >= 24 || (size >= 18.66 && fontWeight >= 700) ? 3 : 4.5;
  };

  return {
    // Can be clicked, and is not reached by the keyboard.
    unreachable: () =>
      [...document.querySelectorAll("[x-on\\:click], [onclick], a:not([href])")]
        .filter((e) => seen(e) && e.tabIndex < 0)
        .map(tell),

    // A screen reader has no words for it, or reads the name of an icon.
    unnamed: () => {
      const read = "a[href], button, select, textarea, input:not([type=hidden])";
      const icons = ".material-symbols-outlined:not([aria-hidden=true])";
      const nameless = [...document.querySelectorAll(read)].filter((e) => seen(e) && !said(e));
      return [...nameless, ...document.querySelectorAll(icons)].map(tell);
    },

    // Text that stands out too little from what is behind it (WCAG 2.2, 1.4.3: AA).
    faint: () => {
      const found = new Map();
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        const skipped = e.closest("[disabled], option, script, style, template, [aria-hidden=true]");
        if (texts.currentNode.data.trim() && seen(e) && !skipped && contrast(e) < needed(e)) {
          found.set(tell(e), contrast(e));
        }
      }
      return [...found].map(([text, by]) => `${by}: ${text}`);
    },
  };
})()
