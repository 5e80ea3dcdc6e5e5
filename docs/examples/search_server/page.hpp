// SPDX-License-Identifier: BSL-1.0
#pragma once
// The page that GET / answers with.
inline constexpr char page[] = R"html(<!doctype html><html lang="en"><meta charset="utf-8"><title>gyre search</title>
<meta name="viewport" content="width=device-width"><style>
  body { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 10vh auto; padding: 1rem }
  input { width: 100%; box-sizing: border-box; font: inherit; padding: .7rem 1rem; border: 1px solid #8886; border-radius: 9px }
  p { padding: .6rem 0; margin: 0; border-bottom: 1px solid #8883; overflow-wrap: anywhere } b { color: #2f7de1 }
  small { display: block; color: #7a8088; min-height: 1.5em }</style>
<h1>gyre search</h1><input placeholder="words, such as: socket accept" autofocus aria-label="Search">
<small id="total"></small><div id="hits"></div><small id="stats"></small><script>
  const json = async path => (await fetch(path)).json();
  const made = (kind, ...content) => { const e = document.createElement(kind); e.append(...content); return e; };
  const show = h => made('p', made('b', h.count + '\u00d7 '), h.file, made('small', 'lines ' + h.lines.join(', ')));
  document.querySelector('input').oninput = async ({ target }) => {
    const asked = target.value, found = await json('/search?q=' + encodeURIComponent(asked));
    if (asked !== target.value) return;  // a later search is on its way
    total.textContent = asked && `${found.total} files`, hits.replaceChildren(...found.hits.map(show));
  };
  setInterval(() => json('/stats').then(s => stats.textContent = `${s.state}: ${s.files} files, ${s.tokens} words`), 1000);
</script>)html";
