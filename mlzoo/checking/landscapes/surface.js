"use strict";
// Patches from back to front in a parallel projection, and the paths over them.
const drawSurface = figure => {
  const data = JSON.parse(figure.dataset.surface), canvas = figure.querySelector("canvas");
  const pen = canvas.getContext("2d"), keys = [...figure.querySelectorAll(".keys .key")];
  const start = { turn: -0.6, tilt: 0.75, zoom: 1 }, above = { turn: 0, tilt: Math.PI / 2, zoom: 1 };
  const view = { ...start };
  const unit = (value, ends) => 2 * (value - ends[0]) / (ends[1] - ends[0] || 1) - 1;
  const spans = [[data.x[0], data.x.at(-1)], [data.y[0], data.y.at(-1)], [data.low, data.high]];
  const at = (x, y, z) => [unit(x, spans[0]), unit(y, spans[1]), 0.55 * unit(z, spans[2])];
  const rgb = name => {
    const hex = getComputedStyle(figure).getPropertyValue(name).trim();
    return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  };
  const draw = () => {
    const scale = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * scale;
    canvas.height = height * scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const size = view.zoom * Math.min(width, height * 1.25) / 3.6;
    const [c, s, up, deep] = [Math.cos(view.turn), Math.sin(view.turn), Math.cos(view.tilt), Math.sin(view.tilt)];
    const seen = ([x, y, z]) => {
      const across = c * x - s * y, back = s * x + c * y;
      return [width / 2 + size * across, 0.47 * height - size * (deep * back + up * z), up * back - deep * z];
    };
    const path = points => {
      pen.beginPath();
      points.forEach((p, i) => i ? pen.lineTo(p[0], p[1]) : pen.moveTo(p[0], p[1]));
    };
    const dark = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches;
    const [lowest, highest] = dark ? [[52, 62, 74], [214, 222, 230]] : [[250, 251, 252], [104, 116, 130]];
    const spots = data.z.map((row, i) => row.map((z, j) => z === null ? null : seen(at(data.x[j], data.y[i], z))));
    const patches = [];
    for (let i = 0; i + 1 < spots.length; i++) for (let j = 0; j + 1 < spots[i].length; j++) {
      const corners = [spots[i][j], spots[i][j + 1], spots[i + 1][j + 1], spots[i + 1][j]];
      if (corners.includes(null)) continue;
      const share = (data.shade[i][j] + data.shade[i + 1][j + 1]) / 2;
      patches.push([corners.reduce((sum, p) => sum + p[2], 0), corners, Math.round(23 * share) / 23]);
    }
    patches.sort((a, b) => b[0] - a[0]);
    const line = rgb("--line"), text = `rgb(${rgb("--text")})`;
    const floor = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([i, j]) => seen(at(spans[0][i], spans[1][j], data.low)));
    pen.lineWidth = 1;
    pen.strokeStyle = `rgb(${line})`;
    path([...floor, floor[0]]);
    pen.stroke();
    for (const [, corners, share] of patches) {
      path(corners);
      pen.closePath();
      pen.fillStyle = pen.strokeStyle = `rgb(${lowest.map((v, i) => Math.round(v + share * (highest[i] - v)))})`;
      pen.fill();
      pen.stroke();
    }
    pen.lineJoin = "round";
    data.paths.forEach(([xs, ys, zs], place) => {
      if (keys[place].getAttribute("aria-pressed") === "false") return;
      const points = xs.map((x, i) => zs[i] === null ? null : seen(at(x, ys[i], zs[i])));
      const own = `rgb(${rgb("--s" + place % 6)})`;
      for (const [color, wide] of [[dark ? "#12161b" : "#ffffff", 4], [own, 2.2]]) {
        pen.strokeStyle = color;
        pen.lineWidth = wide;
        pen.setLineDash(place >= 6 && wide < 4 ? [6, 4] : []);
        pen.beginPath();
        points.forEach((p, i) => p && (i && points[i - 1] ? pen.lineTo(p[0], p[1]) : pen.moveTo(p[0], p[1])));
        pen.stroke();
      }
      pen.setLineDash([]);
      const last = points.filter(Boolean).at(-1);
      if (!last) return;
      pen.fillStyle = own;
      pen.beginPath();
      pen.arc(last[0], last[1], 4, 0, 7);
      pen.fill();
    });
    label(seen, floor, text, up);
  };
  const label = (seen, floor, color, up) => {
    pen.fillStyle = color;
    pen.font = "12px system-ui, sans-serif";
    const middle = [0, 1].map(i => floor.reduce((sum, p) => sum + p[i], 0) / 4);
    const write = (text, [x, y], far) => {
      const [dx, dy] = [x - middle[0], y - middle[1]], length = Math.hypot(dx, dy) || 1;
      pen.textAlign = dx < -0.2 * length ? "right" : dx > 0.2 * length ? "left" : "center";
      const wide = pen.measureText(text).width, to = x + far * dx / length;
      const least = { right: wide + 2, left: 2, center: wide / 2 + 2 }[pen.textAlign];
      const most = canvas.clientWidth - { right: 2, left: wide + 2, center: wide / 2 + 2 }[pen.textAlign];
      pen.fillText(text, Math.min(Math.max(to, least), most), y + 4 + far * dy / length);
    };
    const short = value => String(+value.toPrecision(3));
    // Ticks stand at the edges of the floor that are nearest to the reader.
    for (const axis of [0, 1]) {
      const edges = [0, 1].map(side => [0, 1].map(end => {
        const place = axis ? [spans[0][side], spans[1][end]] : [spans[0][end], spans[1][side]];
        return seen(at(place[0], place[1], data.low));
      }));
      const near = edges[0][0][1] + edges[0][1][1] >= edges[1][0][1] + edges[1][1][1] ? edges[0] : edges[1];
      near.forEach((spot, end) => write(short(spans[axis][end]), spot.map((v, i) => i < 2 ? v + 0.12 * (near[1 - end][i] - v) : v), 14));
      write(data.labels[axis], [0, 1].map(i => (near[0][i] + near[1][i]) / 2), 24);
    }
    if (up < 0.15) return;
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([i, j]) => [spans[0][i], spans[1][j]]);
    const left = corners.reduce((a, b) => seen(at(...a, data.low))[0] < seen(at(...b, data.low))[0] ? a : b);
    pen.textAlign = "right";
    for (const z of [data.low, data.high]) {
      const spot = seen(at(...left, z));
      pen.fillText(short(z), Math.max(spot[0] - 6, pen.measureText(short(z)).width), spot[1] - 2);
    }
    const top = seen(at(...left, data.high));
    pen.fillText(data.labels[2], Math.max(top[0] - 6, pen.measureText(data.labels[2]).width), top[1] - 18);
  };
  const change = (turn, tilt, zoom) => {
    view.turn += turn;
    view.tilt = Math.min(Math.PI / 2, Math.max(0.05, view.tilt + tilt));
    view.zoom = Math.min(6, Math.max(0.5, view.zoom * zoom));
    draw();
  };
  canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", event => {
    if (event.buttons) change(event.movementX / 150, event.movementY / 150, 1);
  });
  canvas.addEventListener("keydown", event => {
    const step = { ArrowLeft: [-0.1, 0, 1], ArrowRight: [0.1, 0, 1], ArrowUp: [0, -0.1, 1], ArrowDown: [0, 0.1, 1], "+": [0, 0, 1.2], "-": [0, 0, 1 / 1.2] }[event.key];
    if (step) { event.preventDefault(); change(...step); }
  });
  for (const button of figure.querySelectorAll("[data-view]")) button.addEventListener("click", () => {
    Object.assign(view, button.dataset.view === "above" ? above : start);
    draw();
  });
  keys.forEach(key => key.addEventListener("click", () => {
    key.setAttribute("aria-pressed", key.getAttribute("aria-pressed") !== "true");
    draw();
  }));
  addEventListener("resize", draw);
  addEventListener("beforeprint", draw);
  addEventListener("afterprint", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
};
document.querySelectorAll("[data-surface]").forEach(drawSurface);
