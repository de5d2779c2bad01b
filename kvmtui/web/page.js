"use strict";
addEventListener("DOMContentLoaded", () => {
  document.getElementById("start").addEventListener("click", () => location.reload());
});
addEventListener("load", () => {
  const input = document.querySelector(".xterm-helper-textarea");
  if (input) input.focus();
});
