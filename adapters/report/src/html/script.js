"use strict";
(() => {
  const tools = document.querySelector(".tools");
  const groups = [...document.querySelectorAll("details.group")];
  const note = document.querySelector("#shown");
  const off = new Set();
  let timer;
  const apply = () => {
    const words = tools.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of groups) {
      const head = group.querySelector("summary").textContent.toLowerCase();
      let any = 0;
      for (const item of group.querySelectorAll("[data-severity]")) {
        const text = head + " " + item.textContent.toLowerCase();
        item.hidden = off.has(item.dataset.severity) || !words.every((word) => text.includes(word));
        any += item.hidden ? 0 : 1;
      }
      group.hidden = any === 0;
      if (words.length > 0 && any > 0) group.open = true;
      shown += any;
    }
    note.textContent = words.length > 0 || off.size > 0 ? shown.toLocaleString("en") + " shown" : "";
  };
  if (tools) {
    tools.hidden = false;
    tools.querySelector("input").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(apply, 120);
    });
    for (const button of tools.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        const name = button.dataset.toggle;
        if (!off.delete(name)) off.add(name);
        button.setAttribute("aria-pressed", String(!off.has(name)));
        apply();
      });
    }
  }
  const reveal = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  reveal();
})();
