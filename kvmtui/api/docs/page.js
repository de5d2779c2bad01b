"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.type === "array") return `${typeOf(schema.items)}[]`;
  return schema.format || schema.type || "any";
}

function table(heads, rows) {
  const head = element("tr", "", ...heads.map((each) => element("th", each)));
  const body = rows.map((row) => element("tr", "", ...row.map((each) => element("td", each))));
  return element("table", "", element("thead", "", head), element("tbody", "", ...body));
}

function example(content) {
  return element("pre", JSON.stringify(content.example, null, 2));
}

function show(path, method, operation) {
  const summary = element("summary", "", element("span", method.toUpperCase()), element("code", path));
  summary.firstChild.className = "method";
  summary.append(` ${operation.description || operation.summary || ""}`);
  const made = element("details", "", summary);
  made.id = operation.operationId;
  const parameters = operation.parameters || [];
  if (parameters.length) {
    made.append(element("h4", "Parameters"), table(
      ["Name", "In", "Type", "Description"],
      parameters.map((each) => [
        each.name + (each.required ? " *" : ""), each.in, typeOf(each.schema), each.description || "",
      ]),
    ));
  }
  if (operation.requestBody) {
    const content = operation.requestBody.content["application/json"];
    made.append(element("h4", `Body: ${typeOf(content.schema)}`), example(content));
  }
  const errors = [];
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (answer.$ref) {
      errors.push(status);
      continue;
    }
    made.append(element("h4", `${status} ${answer.description}`));
    for (const content of Object.values(answer.content || {})) made.append(example(content));
  }
  if (errors.length) made.append(element("p", `Errors: ${errors.join(", ")}. They are described below.`));
  return made;
}

function draw(schema) {
  document.getElementById("about").textContent = `${schema.info.description} (version ${schema.info.version})`;
  const groups = new Map();
  for (const [path, methods] of Object.entries(schema.paths)) {
    for (const method of METHODS.filter((each) => each in methods)) {
      const operation = methods[method];
      const group = (operation.tags || ["Other"])[0];
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(show(path, method, operation));
    }
  }
  const main = document.getElementById("operations");
  for (const [group, operations] of groups) main.append(element("h2", group), ...operations);
  const list = document.getElementById("errors");
  for (const answer of Object.values(schema.components.responses)) {
    const problem = answer.content["application/problem+json"].example;
    const name = problem.type.split("#")[1];
    const term = element("dt", `${problem.status} ${problem.title}`);
    term.id = name;
    list.append(term, element("dd", problem.detail));
  }
}

document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const each of document.querySelectorAll("details")) {
    each.hidden = !each.firstChild.textContent.toLowerCase().includes(wanted);
  }
});
fetch("/api/v1/openapi.json")
  .then((answer) => answer.json())
  .then(draw)
  .catch((error) => { document.getElementById("about").textContent = `Cannot load the schema: ${error}`; });
