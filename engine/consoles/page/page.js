// One screen: trades the page's key for a seat, and gives the seat to noVNC. No secret is ever part of a URL.
import RFB from "/novnc/core/rfb.js";

const said = document.getElementById("said");
const cad = document.getElementById("cad");
const key = document.body.dataset.key;
document.body.removeAttribute("data-key");
history.replaceState(null, "", "/");

function say(words) {
  said.textContent = words;
}

async function seat() {
  const answer = await fetch("/ticket", { headers: { "X-Kvmtui-Key": key }, cache: "no-store" });
  const found = await answer.json();
  if (!answer.ok) {
    throw new Error(found.sentence);
  }
  return found;
}

function show(found) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const rfb = new RFB(document.getElementById("screen"), `${scheme}//${location.host}/stream`, {
    wsProtocols: ["binary", `seat.${found.seat}`],
    credentials: { password: found.password },
  });
  rfb.scaleViewport = true;
  rfb.addEventListener("connect", () => {
    say("");
    cad.hidden = false;
    rfb.focus();
  });
  rfb.addEventListener("securityfailure", () => say("Proxmox did not take the password of the screen."));
  rfb.addEventListener("disconnect", (event) => {
    cad.hidden = true;
    if (event.detail.clean) {
      say("The screen was closed. Ask kvmtui for a new link to see it again.");
    } else if (!said.textContent) {
      say("The connection to the screen was lost. Ask kvmtui for a new link to see it again.");
    }
  });
  cad.addEventListener("click", () => rfb.sendCtrlAltDel());
}

seat().then(show).catch((error) => say(error.message));
