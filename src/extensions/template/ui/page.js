/** A relative address: it works under whatever prefix the page is served. */
const { now } = await (await fetch("now")).json();
document.getElementById("now").textContent = now;
