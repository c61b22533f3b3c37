// Makes charts to explore of the data that stand beside the static pictures, which stay for print and
// for readers without scripts. Whatever goes wrong here, the pictures remain.
"use strict";
(() => {
  const NINES = [0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999];
  const DASHES = { dashed: [6, 4], dotted: [2, 3] };
  const FONT = '12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  const PANEL_HEIGHT = 170;
  const LANE_HEIGHT = 20;
  const LABEL_SPACE = 44;
  const groups = new Map(); // name → the plots that are explored together

  const ink = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const within = (value, low, high) => Math.min(high, Math.max(low, value));
  const number = value =>
    value >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
  const percent = x => `${Number((100 * (1 - 1 / x)).toPrecision(7))} %`;

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function valueText(value, unit) {
    if (value === null || value === undefined) return "–";
    return `${number(value)}${unit === "ms" || unit === "%" || unit === "MiB" ? ` ${unit}` : ""}`;
  }

  function placeText(x, axis) {
    if (axis === "percentile") return percent(x);
    return `${Number(x.toFixed(1))} s`;
  }

  // --- axes -------------------------------------------------------------------------------------------

  /** Marks at 1, 2 and 5 of each power of ten; at even steps where fewer than two of them are in sight. */
  function logMarks(plot, axis, low, high) {
    const marks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const step of high / low > 3000 ? [1] : [1, 2, 5]) {
        const mark = Number((step * 10 ** power).toPrecision(1));
        if (mark >= low && mark <= high) marks.push(mark);
      }
    }
    if (marks.length > 1) return marks;
    return [0.1, 0.5, 0.9].map(at => Number((low + at * (high - low)).toPrecision(3)));
  }

  function percentileMarks(plot, axis, low, high) {
    let last = -LABEL_SPACE;
    return NINES.map(share => 1 / (1 - share)).filter(x => {
      const at = plot.valToPos(x, "x");
      if (x < low * 0.999 || x > high * 1.001 || at - last < LABEL_SPACE) return false;
      last = at;
      return true;
    });
  }

  function axesOf(chart, panel) {
    const common = {
      font: FONT,
      labelFont: FONT,
      stroke: () => ink("quiet"),
      grid: { stroke: () => ink("line"), width: 1 },
      ticks: { stroke: () => ink("line"), width: 1, size: 5 },
    };
    const below = { ...common, size: 28, gap: 4, space: 60 };
    if (chart.axis === "percentile") {
      below.splits = percentileMarks;
      below.values = (plot, marks) => marks.map(percent);
      below.filter = (plot, marks) => marks;
    }
    const beside = { ...common, size: 52, gap: 4, space: 28 };
    beside.values = (plot, marks) => marks.map(mark => (mark === null ? "" : number(mark)));
    if (panel.scale === "log") {
      beside.splits = logMarks;
      beside.filter = (plot, marks) => marks;
    } else if (panel.scale === "count") {
      beside.incrs = [1, 2, 5].flatMap(n => [...Array(9)].map((_, p) => n * 10 ** p)).sort((a, b) => a - b);
    }
    return [below, beside];
  }

  function scalesOf(chart, panel) {
    const above = (plot, least, most) => {
      const seen = [least, most, panel.limit?.value].filter(value => typeof value === "number");
      if (!seen.length) return [panel.scale === "log" ? 0.1 : 0, 1];
      const [low, high] = [Math.min(...seen), Math.max(...seen)];
      return panel.scale === "log" ? [low / 1.2, high * 1.2] : [0, high > 0 ? 1.08 * high : 1];
    };
    return {
      x: { time: false, distr: chart.axis === "percentile" ? 3 : 1 },
      y: { distr: panel.scale === "log" ? 3 : 1, range: above },
    };
  }

  // --- lines ------------------------------------------------------------------------------------------

  function seriesOf(line) {
    const { color } = line;
    const series = { label: line.label, stroke: color, width: 1.5, dash: DASHES[line.look], show: true };
    if (line.look === "points") {
      return { ...series, paths: () => null, points: { show: true, size: 4, fill: color, width: 0 } };
    }
    if (line.look === "steps") series.paths = uPlot.paths.stepped({ align: 1 });
    // A value between two gaps would be no line at all.
    series.points = { show: line.y.includes(null), size: 3, fill: color, width: 0 };
    return series;
  }

  function linesOf(chart, panel) {
    return panel.lines.map(line => ({ ...line, x: chart.xs[line.x] }));
  }

  const first = chart => (chart.axis === "percentile" ? 1 : 0);

  // --- faults -----------------------------------------------------------------------------------------

  function shade(plot, bands, lanes, alpha, rowOf) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.globalAlpha = alpha;
    for (const band of bands) {
      const left = plot.valToPos(band.begin, "x", true);
      const right = Math.max(plot.valToPos(band.end, "x", true), left + 2 * devicePixelRatio);
      const [top, height] = rowOf(band);
      ctx.fillStyle = lanes[band.lane];
      ctx.fillRect(left, top, right - left, height);
    }
    ctx.restore();
  }

  /** An objective: a line across, and its place on the horizontal axis if it has one. */
  function mark(plot, limit) {
    if (!limit) return;
    const { ctx, bbox } = plot;
    const right = bbox.left + bbox.width;
    const height = plot.valToPos(limit.value, "y", true);
    const at = limit.x === null ? -1 : plot.valToPos(limit.x, "x", true);
    ctx.save();
    ctx.strokeStyle = ink("ink");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(DASHES.dashed.map(length => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(bbox.left, height);
    ctx.lineTo(right, height);
    if (at >= bbox.left && at <= right) {
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  function drawLanes(plot, chart) {
    const names = Object.keys(chart.lanes);
    const { ctx, bbox } = plot;
    const height = bbox.height / names.length;
    const top = lane => bbox.top + names.indexOf(lane) * height;
    shade(plot, chart.bands, chart.lanes, 0.85, band => [top(band.lane) + 0.15 * height, 0.7 * height]);
    ctx.save();
    ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
    ctx.textBaseline = "middle";
    ctx.textAlign = "right";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeStyle = ink("card");
    ctx.fillStyle = ink("ink");
    for (const name of names) {
      const room = bbox.left - 6 * devicePixelRatio;
      const at = [Math.max(room, ctx.measureText(name).width), top(name) + height / 2];
      ctx.strokeText(name, ...at);
      ctx.fillText(name, ...at);
    }
    ctx.restore();
  }

  const acting = (chart, x) =>
    [...new Set(chart.bands.filter(b => b.begin <= x && x <= b.end).map(b => `${b.lane}: ${b.name}`))];

  // --- one panel --------------------------------------------------------------------------------------

  function signOf({ look, color }) {
    const sign = element("i", { className: look });
    sign.style.borderColor = color;
    return sign;
  }

  function legendOf(plot, lines, limit) {
    const list = element("ul", { className: "lines" });
    const values = lines.map((line, at) => {
      const value = element("b");
      const button = element("button", { type: "button", title: "shows or hides this line" });
      button.append(signOf(line), line.label, " ", value);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        plot.setSeries(at + 1, { show: shown });
      });
      list.append(element("li", {}, button));
      return value;
    });
    if (limit) list.append(element("li", {}, signOf({ look: "dashed", color: "var(--ink)" }), limit.label));
    return { list, values };
  }

  function addPanel(box, chart, panel, group, said) {
    if (panel.title) box.append(element("h4", { textContent: `${panel.title}${panel.unit ? `, ${panel.unit}` : ""}` }));
    if (!panel.lines.length) {
      box.append(element("p", { className: "quiet", textContent: "not measured" }));
      return;
    }
    const lines = linesOf(chart, panel);
    const full = band => [plot.bbox.top, plot.bbox.height];
    const options = {
      width: box.clientWidth || 600,
      height: PANEL_HEIGHT,
      legend: { show: false },
      cursor: { sync: { key: group.name }, drag: { x: true, y: false, dist: 4 }, points: { size: 7 } },
      scales: scalesOf(chart, panel),
      axes: axesOf(chart, panel),
      series: [{}, ...lines.map(seriesOf)],
      hooks: {
        drawClear: [
          drawn => shade(drawn, chart.bands, chart.lanes, chart.alpha, full),
          drawn => mark(drawn, panel.limit),
        ],
        setScale: [(changed, key) => key === "x" && follow(changed, group)],
        setCursor: [moved => say(moved)],
      },
    };
    options.cursor.bind = { dblclick: () => () => showAll(group) };
    const holder = element("div", { className: "panel" });
    box.append(holder);
    const plot = new uPlot(options, uPlot.join(lines.map(line => [line.x, line.y])), holder);
    const { list, values } = legendOf(plot, lines, panel.limit);
    box.append(list);
    function say(moved) {
      const seen = moved.cursor.idx !== null && moved.cursor.idx !== undefined;
      lines.forEach((line, at) => {
        const index = moved.cursor.idxs[at + 1];
        const told = seen && index !== null;
        values[at].textContent = told ? valueText(moved.data[at + 1][index], panel.unit) : "";
      });
      said(seen ? moved.data[0][moved.cursor.idx] : null);
    }
    join(group, plot, chart);
  }

  function addLanes(box, chart, group, said) {
    const holder = element("div", { className: "panel" });
    box.append(holder);
    const [below, beside] = axesOf(chart, { scale: "linear" });
    const options = {
      width: box.clientWidth || 600,
      height: LANE_HEIGHT * Object.keys(chart.lanes).length + 28,
      legend: { show: false },
      cursor: { sync: { key: group.name }, drag: { x: true, y: false, dist: 4 }, y: false },
      scales: { x: { time: false }, y: { range: [0, 1] } },
      axes: [below, { ...beside, splits: () => [], grid: { show: false } }],
      series: [{}, { show: true, points: { show: false } }],
      hooks: {
        draw: [plot => drawLanes(plot, chart)],
        setScale: [(changed, key) => key === "x" && follow(changed, group)],
      },
    };
    options.cursor.bind = { dblclick: () => () => showAll(group) };
    join(group, new uPlot(options, [[0, chart.end], [null, null]], holder), chart);
  }

  // --- exploring --------------------------------------------------------------------------------------

  function join(group, plot, chart) {
    group.plots.push(plot);
    group.low = Math.min(group.low, first(chart));
    group.high = Math.max(group.high, chart.end);
  }

  function follow(changed, group) {
    const { min, max } = changed.scales.x;
    const shown = [min, max].map(x => Number(x.toFixed(2))).join(" ");
    changed.root.dataset.shown = shown; // for whoever styles or tests the page
    if (!group.isReady) return;
    for (const plot of group.plots) {
      const { x } = plot.scales;
      if (x.min !== min || x.max !== max) plot.setScale("x", { min, max });
    }
  }

  function show(group, low, high) {
    for (const plot of group.plots) plot.setScale("x", { min: low, max: high });
  }

  const showAll = group => show(group, group.low, group.high);

  /** Zooms around the cursor, or around the middle; percentiles by their logarithm. */
  function zoom(group, factor, isLog) {
    const plot = group.plots[0];
    const to = isLog ? Math.log : x => x;
    const from = isLog ? Math.exp : x => x;
    const low = to(plot.scales.x.min);
    const high = to(plot.scales.x.max);
    const isPlaced = plot.cursor.left >= 0;
    const at = isPlaced ? within(to(plot.posToVal(plot.cursor.left, "x")), low, high) : (low + high) / 2;
    const begin = Math.max(to(group.low), at - (at - low) * factor);
    const end = Math.min(to(group.high), at + (high - at) * factor);
    if (end - begin > (to(group.high) - to(group.low)) / 1000) show(group, from(begin), from(end));
  }

  /** Moves the cursor by some values of the first plot. */
  function step(plots, by) {
    const plot = plots[0];
    const { min, max } = plot.scales.x;
    const places = plot.data[0].filter(x => x >= min && x <= max);
    if (!places.length) return;
    const now = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null;
    let index = by > 0 ? 0 : places.length - 1;
    if (now !== null) {
      const nearest = places.reduce((a, x, n) => (Math.abs(x - now) < Math.abs(places[a] - now) ? n : a), 0);
      index = within(nearest + by, 0, places.length - 1);
    }
    const left = plot.valToPos(places[index], "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
  }

  function keys(event, group, plots, isLog) {
    const far = event.shiftKey ? 10 : 1;
    const actions = {
      ArrowLeft: () => step(plots, -far),
      ArrowRight: () => step(plots, far),
      Home: () => step(plots, -1e9),
      End: () => step(plots, 1e9),
      "+": () => zoom(group, 0.5, isLog),
      "=": () => zoom(group, 0.5, isLog),
      "-": () => zoom(group, 2, isLog),
      "0": () => showAll(group),
      Escape: () => showAll(group),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }

  function controls(chart, group) {
    const isLog = chart.axis === "percentile";
    const bar = element("div", { className: "controls" });
    const actions = [
      ["+", "zoom in", () => zoom(group, 0.5, isLog)],
      ["−", "zoom out", () => zoom(group, 2, isLog)],
      ["all", "show all", () => showAll(group)],
    ];
    for (const [text, label, act] of actions) {
      const button = element("button", { type: "button", textContent: text, title: label });
      button.setAttribute("aria-label", label);
      button.addEventListener("click", act);
      bar.append(button);
    }
    const place = element("output", { className: "quiet" });
    place.textContent = "drag, or + and −: zoom · 0: all · arrows: values";
    bar.append(place);
    return { bar, place };
  }

  function explore(figure, chart, index) {
    const name = chart.group || `chart-${index}`;
    if (!groups.has(name)) groups.set(name, { name, plots: [], low: Infinity, high: -Infinity });
    const group = groups.get(name);
    const box = element("div", { className: "explore", tabIndex: 0, role: "group" });
    box.setAttribute("aria-label", `${chart.title}: arrow keys read values, + and − zoom, 0 shows all`);
    figure.append(box);
    const { bar, place } = controls(chart, group);
    box.append(bar);
    const hint = place.textContent;
    const said = x => {
      const faults = x === null ? [] : acting(chart, x);
      place.textContent = x === null ? hint : [placeText(x, chart.axis), ...faults].join(" · ");
    };
    const before = group.plots.length;
    for (const panel of chart.panels) addPanel(box, chart, panel, group, said);
    if (group.plots.length === before) throw new Error("nothing was measured");
    if (chart.bands.length) addLanes(box, chart, group, said);
    box.append(element("p", { className: "quiet axis", textContent: chart.axisTitle }));
    const own = group.plots.slice(before);
    box.addEventListener("keydown", event => keys(event, group, own, chart.axis === "percentile"));
    new ResizeObserver(() => {
      for (const plot of own) plot.setSize({ width: box.clientWidth, height: plot.height });
    }).observe(box);
    figure.classList.add("explored");
  }

  document.querySelectorAll("figure.chart").forEach((figure, index) => {
    try {
      explore(figure, JSON.parse(figure.querySelector('script[type="application/json"]').textContent), index);
    } catch (error) {
      figure.querySelector(".explore")?.remove();
      if (error.message !== "nothing was measured") console.error(error);
    }
  });
  for (const group of groups.values()) {
    group.isReady = true;
    showAll(group);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const group of groups.values()) for (const plot of group.plots) plot.redraw(false, true);
  });
})();
