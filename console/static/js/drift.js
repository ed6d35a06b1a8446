// The PSI chart: adjusted and plain index per bucket, the thresholds, and the band that chance makes. Times are UTC.

const HEIGHT = 300;
let plot = null;
let series = null;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const columns = () => [series.at, series.noise_band, series.psi_raw, series.psi_adjusted, series.samples];
const figure = (_, value) => (value == null ? "—" : value.toFixed(3));

function drawThresholds(u) {
  const { thresholds } = series;
  const { ctx, bbox } = u;
  ctx.save();
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  for (const [words, value, tone] of [["medium", thresholds.medium, "--warn"], ["high", thresholds.high, "--bad"]]) {
    const y = u.valToPos(value, "y", true);
    ctx.strokeStyle = ctx.fillStyle = color(tone);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    // One word above its line, the other below: where the index is large, the two lines are close.
    const offset = words === "high" ? -5 : 14;
    ctx.fillText(`${words} ${value}`, bbox.left + 6 * devicePixelRatio, y + offset * devicePixelRatio);
  }
  ctx.restore();
}

// A point with too few inferences is hollow: it is not judged. Above the chart it is a hollow triangle at the upper edge.
function drawPoints(u) {
  const { ctx, bbox } = u;
  const size = 3.5 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.strokeStyle = color("--chart-current");
  u.data[3].forEach((value, index) => {
    if (value == null) return;
    ctx.fillStyle = series.is_sufficient[index] ? color("--chart-current") : color("--surface");
    const x = u.valToPos(u.data[0][index], "x", true);
    ctx.beginPath();
    if (value > series.top) {
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
function findGaps(u, _column, first, last) {
  const gaps = [];
  const under = 2 * devicePixelRatio;
  const at = (index) => u.valToPos(u.data[0][Math.min(Math.max(index, first), last)], "x", true);
  for (let index = first; index <= last; index++) {
    if (series.is_sufficient[index]) continue;
    const start = index;
    while (index < last && !series.is_sufficient[index + 1]) index++;
    gaps.push([at(start - 1) - under, at(index + 1) + under]);
  }
  return gaps;
}

function options(box) {
  const axis = { stroke: color("--text-muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    // The last time below the axis is centered on the edge.
    padding: [null, 32, null, null],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { time: true, range: () => [series.start_at, series.end_at] }, y: { range: () => [0, series.top] }, n: { auto: false } },
    axes: [{ ...axis, space: 70, values: [[86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1], [60, "{HH}:{mm}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1], [1, "{HH}:{mm}:{ss}", "\n{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1]] }, { ...axis, size: 48 }],
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    series: [
      { label: "From (UTC)", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      { label: "chance", gaps: findGaps, stroke: color("--chart-baseline"), fill: color("--chart-noise"), width: 0, points: { show: false }, value: figure },
      { label: "plain", gaps: findGaps, stroke: color("--chart-raw"), width: 1, points: { show: false }, value: figure },
      { label: "adjusted", gaps: findGaps, stroke: color("--chart-current"), width: 2, points: { show: false }, value: figure },
      { label: "n", scale: "n", paths: () => null, points: { show: false }, value: (_, value) => (value == null ? "—" : value.toLocaleString("en")) },
    ],
    hooks: { draw: [drawThresholds, drawPoints] },
  };
}

// After uPlot's own update, which clears the legend where no cursor is.
const showLast = () => setTimeout(() => plot.setLegend({ idx: plot.data[0].length ? plot.data[0].length - 1 : null }));

function draw() {
  const box = document.getElementById("psi-chart");
  plot?.destroy();
  plot = new uPlot(options(box), columns(), box);
  plot.over.addEventListener("mouseleave", showLast);
  showLast();
}

// The page's figures come with new ones every few seconds; the chart itself stays where it is.
function refresh() {
  const given = document.getElementById("psi-series");
  if (!given) return;
  series = JSON.parse(given.textContent);
  if (!plot || !document.getElementById("psi-chart").contains(plot.root)) {
    draw();
    return;
  }
  plot.setData(columns());
  if (plot.cursor.left == null || plot.cursor.left < 0) showLast();
}

refresh();
document.addEventListener("htmx:afterSettle", refresh);
new ResizeObserver(() => {
  const width = document.getElementById("psi-chart")?.clientWidth;
  if (plot && width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
}).observe(document.getElementById("psi-chart"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
