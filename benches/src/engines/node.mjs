// A program of several modules in V8: node node.mjs PLAN WARM-UP N
// PLAN is the JSON of a plan (plan.rs). Prints a check-sum and nanoseconds of CPU time.
import { readFileSync } from "node:fs";

const [path, warmUp, n] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(path));
const memory = new WebAssembly.Memory({ initial: plan.pages });
const table = new WebAssembly.Table({ initial: plan.table, element: "anyfunc" });
const number = (value, mutable) => new WebAssembly.Global({ value: "i32", mutable }, value);
const stack = number(plan.stack, true);
const instances = [];

const given = ({ name, give }) => {
  if (give === "Memory") return memory;
  if (give === "Table") return table;
  if (give === "Stack") return stack;
  if (give.Global) return number(give.Global.value, give.Global.mutable);
  return instances[give.Function].exports[name];
};

for (const step of plan.steps) {
  const imports = {};
  for (const item of step.imports) (imports[item.module] ??= {})[item.name] = given(item);
  const module = new WebAssembly.Module(readFileSync(step.path));
  instances.push(new WebAssembly.Instance(module, imports));
}
for (const { slot, step, name } of plan.elements) table.set(slot, instances[step].exports[name]);
for (const [step, name] of plan.calls) instances[step].exports[name]();

const { run } = instances.at(-1).exports;
run(+warmUp);
const before = process.cpuUsage();
const sum = run(+n);
const { user, system } = process.cpuUsage(before);
console.log(`${sum} ${(user + system) * 1000}`);
