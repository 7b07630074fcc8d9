// The server draws; this puts its last drawing in the place of the one before, unless somebody is marking text in it.
const moving = document.getElementById("moving");
const link = document.getElementById("link");
const source = new EventSource("events");
source.onmessage = (event) => {
  if (getSelection().isCollapsed) moving.innerHTML = event.data;
  link.textContent = "live";
  link.className = "dot good";
};
source.onerror = () => {
  link.textContent = "not connected: this is what was seen last";
  link.className = "dot bad";
};
