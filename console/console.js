// Fills the page with this server's own addresses and what /ready says.
const at = location.host;
document.getElementById("ota").textContent = `${location.protocol}//${at}/xiaozhi/ota/`;
document.getElementById("toy").textContent = `zhiyin toy say --text "what time is it" --url ws://${at}/xiaozhi/v1/`;

const say = (mark, text) => {
  document.getElementById("dot").className = `dot ${mark}`;
  document.getElementById("state").textContent = text;
};

fetch("ready")
  .then((answer) => answer.json())
  .then((ready) => {
    const degraded = ready.degraded ?? [];
    if (!ready.ready) say("warn", `Not ready: ${ready.reason} · 尚未就绪`);
    else if (degraded.length) say("warn", "Ready, with limits · 可以使用，但有限制");
    else say("good", "Ready to talk · 可以对话");
    for (const sentence of degraded) {
      const item = document.createElement("li");
      item.textContent = sentence;
      document.getElementById("degraded").append(item);
    }
    for (const [name, what] of Object.entries(ready.engines ?? {})) {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = name;
      text.textContent = what;
      document.getElementById("engines").append(term, text);
    }
  })
  .catch(() => say("warn", "The server does not answer · 服务器没有回应"));
