"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const PRINT_WIDTH = 690;

  // Charts: the colours are those of the page, read anew whenever they may have changed.

  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const place = (figure) => document.getElementById(`chart-${figure.id}`);

  const traces = (figure) => figure.lines.map((line) => ({
    type: "scatter", mode: !figure.dated && line.x.length <= 40 ? "lines+markers" : "lines", name: line.name, x: line.x, y: line.y,
    fill: line.fill, fillcolor: line.fill ? `${colour(line.role)}33` : undefined, connectgaps: false,
    marker: { size: 5 },
    line: { color: colour(line.role), width: line.role === "quiet" ? 1.3 : 1.7, dash: line.dashed ? "5px,3px" : "solid" },
    hovertemplate: figure.unit === "%" ? "%{y:,.6~p}" : figure.unit === "money" ? "%{y:,.8~r}" : "%{y:,.6~r}",
  }));

  const layout = (figure) => {
    const axis = { gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, automargin: true, tickfont: { size: 12 } };
    const format = figure.unit === "%" ? ",.6~p" : ",.6~r";
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", size: 13, color: colour("ink") },
      margin: { l: 8, r: 12, t: figure.lines.length > 1 ? 34 : 10, b: 8 }, hovermode: "x unified", dragmode: "zoom",
      hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("ink") } },
      showlegend: figure.lines.length > 1, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      xaxis: figure.dated ? { ...axis, type: "date" } : { ...axis, title: { text: "epoch", font: { size: 12 } } },
      yaxis: { ...axis, type: figure.logarithmic ? "log" : "linear", tickformat: format, dtick: figure.logarithmic ? "D2" : undefined },
      shapes: figure.marks.map(([x]) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: colour("ink"), width: 1, dash: "2px,2px" } })),
      annotations: figure.marks.map(([x, text]) => ({ x, yref: "paper", y: 1, yanchor: "top", xanchor: "left", showarrow: false, text, font: { size: 12 } })),
    };
  };

  const draw = (size = {}) => {
    for (const figure of data.figures) {
      Plotly.react(place(figure), traces(figure), { ...layout(figure), ...size }, { displayModeBar: false, responsive: true });
    }
  };
  draw();
  document.getElementById("unscripted")?.remove();

  // The theme: what the system says, until somebody says otherwise.

  const themes = ["automatic", "light", "dark"];
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme ?? "automatic") + 1) % themes.length];
    if (next === "automatic") delete root.dataset.theme; else root.dataset.theme = next;
    button.textContent = `Theme: ${next}`;
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());

  // Printing: on white, as wide as paper, with what is folded on screen.

  let folded = [];
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    folded = [...document.querySelectorAll("details.printed:not([open])")];
    for (const one of folded) one.open = true;
    draw({ width: PRINT_WIDTH, height: 230 });
  });
  addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset.theme; else root.dataset.theme = before;
    for (const one of folded) one.open = false;
    draw({ autosize: true });
  });

  // Trades: filtered, sorted and paged here; every cell is written as text, never as HTML.

  if (!data.trades) return;
  const { data: rows, reasons, page: size, price_decimals: ofPrices, quantity_decimals: ofQuantities, pnl_decimals: ofGains } = data.trades;
  const table = document.getElementById("trade-table");
  const body = table.tBodies[0];
  const filters = document.getElementById("filters");
  const pager = document.getElementById("pager");
  const [SIDE, ENTRY, PNL, REASON] = [1, 2, 7, 12];
  const state = { page: 0, column: 0, descending: false };

  // The rule of ktrdr_engine/number_format.py: decimals that are always there, and significant digits in any case.
  const written = (value, least, most) =>
    (value + 0).toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most }).replace("-", "−");
  const isWrittenOut = (size) => size === 0 || (size >= 1e-9 && size < 1e15);
  const decimal = (value, atLeast, significant) => {
    const size = Math.abs(value);
    if (!isWrittenOut(size)) return Number(value.toPrecision(significant)).toExponential().replaceAll("-", "−");
    return written(value, atLeast, Math.max(atLeast, size === 0 ? 0 : significant - 1 - Math.floor(Math.log10(size))));
  };
  const fixed = (value, decimals) => {
    const size = Math.abs(value);
    const isLost = size !== 0 && size < 10 ** -decimals;
    return isLost || !isWrittenOut(size) ? decimal(value, decimals, 2) : written(value, decimals, decimals);
  };
  const number = (decimals) => (value) => (value === null ? "" : fixed(value, decimals));
  const percent = (value) => (value === null ? "" : `${decimal(value * 100, 2, 3)} %`);
  const time = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const formats = [
    String, (side) => (side > 0 ? "long" : "short"), time, time, number(ofPrices), number(ofPrices), number(ofQuantities), number(ofGains), percent,
    number(0), percent, percent, (reason) => reasons[reason].replaceAll("_", " "),
  ];

  const chosen = () => {
    const wanted = new FormData(filters);
    const seconds = (name) => Date.parse(`${wanted.get(name)}T00:00:00Z`) / 1000;
    const tests = [];
    if (wanted.get("side")) tests.push((row) => row[SIDE] === Number(wanted.get("side")));
    if (wanted.get("outcome")) tests.push((row) => (row[PNL] > 0) === (wanted.get("outcome") === "1"));
    if (wanted.get("reason")) tests.push((row) => row[REASON] === Number(wanted.get("reason")));
    if (wanted.get("first")) tests.push((row) => row[ENTRY] >= seconds("first"));
    if (wanted.get("last")) tests.push((row) => row[ENTRY] < seconds("last") + 86400);
    const { column, descending } = state;
    const sign = descending ? -1 : 1;
    // What is unknown comes last, whichever way the others are sorted.
    const order = (a, b) => (a[column] === null) - (b[column] === null) || sign * (a[column] - b[column]) || a[0] - b[0];
    return rows.filter((row) => tests.every((test) => test(row))).sort(order);
  };

  const show = () => {
    const found = chosen();
    const pages = Math.max(1, Math.ceil(found.length / size));
    state.page = Math.min(Math.max(0, state.page), pages - 1);
    const first = state.page * size;
    const visible = found.slice(first, first + size);
    body.replaceChildren(...visible.map((row) => {
      const line = document.createElement("tr");
      for (const [column, value] of row.entries()) {
        const cell = line.insertCell();
        cell.textContent = formats[column](value);
        if (column > 3 && column < REASON) cell.className = "right";
      }
      return line;
    }));
    const range = found.length ? `Rows ${first + 1} to ${first + visible.length} of ${found.length.toLocaleString("en-US")}` : "No trade is like that";
    document.getElementById("shown").textContent = `${range}${found.length < rows.length ? ", filtered" : ""}.`;
    pager.hidden = pages === 1;
    const ends = { first: state.page === 0, previous: state.page === 0, next: state.page === pages - 1, last: state.page === pages - 1 };
    for (const one of pager.children) one.disabled = ends[one.dataset.step];
    state.pages = pages;
  };

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const sorter = document.createElement("button");
    sorter.type = "button";
    sorter.textContent = head.textContent;
    head.replaceChildren(sorter);
    sorter.addEventListener("click", () => {
      state.descending = state.column === column && !state.descending;
      state.column = column;
      state.page = 0;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      show();
    });
  });
  heads[0].setAttribute("aria-sort", "ascending");
  pager.addEventListener("click", (event) => {
    const steps = { first: 0, previous: state.page - 1, next: state.page + 1, last: state.pages - 1 };
    if (event.target.dataset.step) { state.page = steps[event.target.dataset.step]; show(); }
  });
  filters.addEventListener("input", () => { state.page = 0; show(); });
  filters.addEventListener("reset", () => setTimeout(() => { state.page = 0; show(); }));
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  show();
})();
