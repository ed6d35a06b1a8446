// Draws every line chart of a page (console.charts.LineChart) with uPlot. A chart is an element with data-line-chart, which
// names the JSON script that holds its data. Times are UTC.

const HEIGHT = 300;
const LOOKS = {
  main: { stroke: "--chart-current", width: 2 },
  secondary: { stroke: "--chart-raw", width: 1 },
  area: { stroke: "--chart-baseline", fill: "--chart-noise", width: 0 },
};
const TIMES = [
  [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const figure = (_, value) => (value == null ? "—" : value.toFixed(3));
const count = (_, value) => (value == null ? "—" : value.toLocaleString("en"));

class LineChart {
  constructor(box, data) {
    this.box = box;
    this.data = data;
    this.draw();
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(box);
  }

  draw() {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.columns(), this.box);
    this.plot.over.addEventListener("mouseleave", () => this.showLast());
    this.showLast();
  }

  renew(data) {
    this.data = data;
    this.plot.setData(this.columns());
    if (this.plot.cursor.left == null || this.plot.cursor.left < 0) this.showLast();
  }

  resize() {
    const width = this.box.clientWidth;
    if (width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  remove() {
    this.resizing.disconnect();
    this.plot.destroy();
  }

  columns() {
    const { times, lines, counts } = this.data;
    return [times, ...lines.map((line) => line.values), counts.values];
  }

  // After uPlot's own update, which clears the legend where no cursor is.
  showLast() {
    const last = this.data.times.length ? this.data.times.length - 1 : null;
    setTimeout(() => this.plot.setLegend({ idx: last }));
  }

  options() {
    const axis = { stroke: color("--text-muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const { lines, counts, times_label: timesLabel } = this.data;
    return {
      width: this.box.clientWidth,
      height: HEIGHT,
      // The last time below the axis is centered on the edge.
      padding: [null, 32, null, null],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { x: { time: true, range: () => [this.data.start_at, this.data.end_at] }, y: { range: () => [0, this.data.top] }, n: { auto: false } },
      axes: [{ ...axis, space: 70, values: TIMES }, { ...axis, size: 48 }],
      cursor: { points: { show: false }, drag: { x: false, y: false } },
      series: [
        { label: timesLabel, value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
        ...lines.map((line) => this.describe(line)),
        { label: counts.label, scale: "n", paths: () => null, points: { show: false }, value: count },
      ],
      hooks: { draw: [(u) => this.drawThresholds(u), (u) => this.drawPoints(u)] },
    };
  }

  describe({ label, look }) {
    const { stroke, fill, width } = LOOKS[look];
    const gaps = (u, _column, first, last) => this.findGaps(u, first, last);
    return { label, gaps, stroke: color(stroke), fill: fill && color(fill), width, points: { show: false }, value: figure };
  }

  drawThresholds(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.lineWidth = devicePixelRatio;
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    this.data.thresholds.forEach(({ words, value, tone }, index) => {
      const y = u.valToPos(value, "y", true);
      ctx.strokeStyle = ctx.fillStyle = color(`--${tone}`);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      // The highest has its words above the line, the others below: where the scale is large, the lines are close.
      const offset = index === this.data.thresholds.length - 1 ? -5 : 14;
      ctx.fillText(`${words} ${value}`, bbox.left + 6 * devicePixelRatio, y + offset * devicePixelRatio);
    });
    ctx.restore();
  }

  // A point that is not judged is hollow. A point above the scale is a triangle at the upper edge.
  drawPoints(u) {
    const main = this.data.lines.find((line) => line.look === "main");
    if (!main) return;
    const { ctx, bbox } = u;
    const size = 3.5 * devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.strokeStyle = color("--chart-current");
    main.values.forEach((value, index) => {
      if (value == null) return;
      ctx.fillStyle = this.data.is_judged[index] ? color("--chart-current") : color("--surface");
      const x = u.valToPos(this.data.times[index], "x", true);
      ctx.beginPath();
      if (value > this.data.top) {
        ctx.moveTo(x, bbox.top + size);
        ctx.lineTo(x + size, bbox.top + 3 * size);
        ctx.lineTo(x - size, bbox.top + 3 * size);
        ctx.closePath();
      } else {
        ctx.arc(x, u.valToPos(value, "y", true), size, 0, 2 * Math.PI);
      }
      ctx.fill();
      ctx.stroke();
    });
    ctx.restore();
  }

  // The lines leave out what is not judged: in canvas pixels, from the last judged point before it to the first one after it.
  // A gap begins under the mark of a point, so that no sliver of a steep line is left beside the mark.
  findGaps(u, first, last) {
    const { is_judged: isJudged } = this.data;
    const gaps = [];
    const under = 2 * devicePixelRatio;
    const at = (index) => u.valToPos(this.data.times[Math.min(Math.max(index, first), last)], "x", true);
    for (let index = first; index <= last; index++) {
      if (isJudged[index]) continue;
      const start = index;
      while (index < last && !isJudged[index + 1]) index++;
      gaps.push([at(start - 1) - under, at(index + 1) + under]);
    }
    return gaps;
  }
}

const charts = new Map();

// A page that renews itself brings new data every few seconds; the drawing itself stays where it is (hx-preserve).
function refresh() {
  for (const [box, chart] of charts) {
    if (box.isConnected) continue;
    chart.remove();
    charts.delete(box);
  }
  for (const box of document.querySelectorAll("[data-line-chart]")) {
    const script = document.getElementById(box.dataset.lineChart);
    if (!script) continue;
    const data = JSON.parse(script.textContent);
    if (charts.has(box)) charts.get(box).renew(data);
    else charts.set(box, new LineChart(box, data));
  }
}

refresh();
document.addEventListener("htmx:afterSettle", refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.draw()));
