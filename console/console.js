// Fills the page with this server's own addresses, its engines, and what /ready says.
const show = (mark, text) => {
  document.getElementById("dot").className = `dot ${mark}`;
  document.getElementById("state").textContent = text;
};

const add = (parent, tag, text) => {
  const element = document.createElement(tag);
  element.textContent = text;
  document.getElementById(parent).append(element);
};

fetch("about.json")
  .then((answer) => answer.json())
  .then((about) => {
    document.getElementById("ota").textContent = about.ota_url;
    document.getElementById("toy").textContent = `.venv/bin/zhiyin toy say --text "what time is it" --url ${about.device_url}`;
    for (const [name, what] of Object.entries(about.engines)) {
      add("engines", "dt", name);
      add("engines", "dd", what);
    }
  });

fetch("ready")
  .then((answer) => answer.json())
  .then((ready) => {
    if (!ready.ready) show("warn", `Not ready: ${ready.reason} · 尚未就绪`);
    else if (ready.degraded.length) show("warn", "Ready, with limits · 可以使用，但有限制");
    else show("good", "Ready to talk · 可以对话");
    for (const sentence of ready.degraded) add("degraded", "li", sentence);
  })
  .catch(() => show("warn", "The server does not answer · 服务器没有回应"));
