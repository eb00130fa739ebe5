const shown = document.getElementById('shown');
const edges = [...document.querySelectorAll('.edge')];
function show(edge) {
  for (const other of edges) other.classList.toggle('on', other === edge);
  const detail = document.getElementById(edge.dataset.pair);
  shown.replaceChildren(...[...detail.children].map(child => {
    if (child.tagName !== 'SUMMARY') return child.cloneNode(true);
    const title = document.createElement('strong');
    title.textContent = child.textContent;
    return title;
  }));
}
for (const edge of edges) {
  for (const event of ['pointerenter', 'focus', 'click']) edge.addEventListener(event, () => show(edge));
}
