// A reporter of node:test that writes down, a JSON list a line, what each test did: [event, name, nesting, file, line,
// skipped, kind, milliseconds, message, stack].
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (!/^test:(dequeue|start|pass|fail)$/.test(type)) continue;
    const { name, nesting, file, line, skip, details = {} } = data;
    const error = details.error?.cause ?? details.error ?? {};
    const message = error.message === undefined ? String(error) : `${error.name ?? "Error"}: ${error.message}`;
    const left = skip !== undefined || (data.todo !== undefined && type === "test:pass");
    const failed = type === "test:fail" ? [message.slice(0, 4000), String(error.stack ?? "").slice(0, 8000)] : ["", ""];
    const kind = details.error?.failureType === "subtestsFailed" ? "suite" : details.type;
    yield `${JSON.stringify([type, name, nesting, file, line, left, kind, details.duration_ms, ...failed])}\n`;
  }
}
