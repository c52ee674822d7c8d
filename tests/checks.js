// What the tests of pages ask a page.

// Serious findings of axe-core, which the test has put into the page.
const serious = () => axe.run().then(found => found.violations
  .filter(v => v.impact === "serious" || v.impact === "critical")
  .map(v => v.id + ": " + v.nodes.map(n => n.html).slice(0, 3).join(" | ")));

// Text whose contrast with what stands behind it is under 4.5 (WCAG 2.1, success criterion 1.4.3).
const faint = () => {
  const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const linear = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const behind = node => {
    const layers = [];
    for (let n = node; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const found = [];
  for (const node of document.querySelectorAll("main *")) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), back = behind(node);
    const colour = over(parse(node instanceof SVGElement ? style.fill : style.color), back);
    const [a, b] = [light(colour), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(node.outerHTML.slice(0, 80));
  }
  return found;
};

const nameless = () => [...document.querySelectorAll("button, a, img, svg, [role=region], [role=tablist]")]
  .filter(n => !(n.getAttribute("aria-label") || n.getAttribute("alt") || n.textContent.trim()))
  .map(n => n.outerHTML.slice(0, 80));
