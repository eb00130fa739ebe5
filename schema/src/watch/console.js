
// The part that only `lab up` has: its server tells the state of its load and harms as an event of its own.
const slider = at("rate");
let dragged = false;

async function order(what) {
  try {
    const answer = await fetch(address("order"), { method: "POST", body: JSON.stringify(what) });
    if (!answer.ok) at("note").textContent = await answer.text();
  } catch { /* The status line says that there is no connection. */ }
}

function asked(rate) {
  at("asked").textContent = rate > 0 ? `${rate} requests per second` : "off";
}

slider.addEventListener("input", () => { dragged = true; asked(Number(slider.value)); });
slider.addEventListener("change", async () => {
  await order({ rate: Number(slider.value) });
  dragged = false;
});

function operate(state) {
  at("lab").hidden = false;
  at("lab").parentElement.classList.add("operated");
  if (at("links").hidden) {
    at("links").hidden = false;
    at("links").append(...state.links.map(([name, url]) => element("a", { href: url, target: "_blank", rel: "noreferrer" }, name)));
    slider.max = state.rateMax;
    at("harms").append(...state.harms.map((harm) => {
      const button = element("button", { type: "button", "data-harm": harm.name, "aria-pressed": "false" }, element("b", {}, harm.title), element("span", {}, harm.does));
      button.addEventListener("click", () => order({ harm: button.getAttribute("aria-pressed") === "true" ? null : harm.name }));
      return button;
    }));
  }
  if (!dragged) {
    slider.value = state.rate;
    asked(state.rate);
  }
  const ms = (time) => time == null ? "–" : time < 100 ? time.toFixed(1) : time.toFixed(0);
  rows("driven", state.services, (one) => [[one.name], ...[rate(one.perSecond), ms(one.p50Ms), ms(one.p95Ms), rate(one.errorsPerSecond), String(one.unanswered)].map((text) => [text, { class: "number" }])], "Nothing was sent yet.");
  state.services.forEach((one, n) => at("driven").children[n].classList.toggle("suffers", one.errorsPerSecond > 0 || waiting.has(one.name)));
  for (const button of at("harms").children) button.setAttribute("aria-pressed", String(button.dataset.harm === state.harm?.name));
  at("note").textContent = state.note ?? (state.harm ? `Ends by itself in ${state.harm.endsInS} s.` : "");
}

events.addEventListener("console", (event) => operate(JSON.parse(event.data)));
