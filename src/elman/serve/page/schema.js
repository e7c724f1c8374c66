// What JSON schemas say, in words: types, fields, and examples of bodies.

/** A schema, or what its reference names within the document. */
export function resolved(schema, document) {
  if (!schema.$ref) return schema;
  const path = schema.$ref.replace(/^#\//, "").split("/");
  return resolved(path.reduce((at, key) => at[key], document), document);
}

/** The type of a value, such as "array of text". */
export function typeOf(schema, document) {
  if (schema.$ref) return typeOf(resolved(schema, document), document);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map((each) => typeOf(each, document)))].join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  if (schema.type === "array") {
    const each = typeOf(schema.items ?? {}, document);
    return each === "anything" ? "array" : `array of ${each}`;
  }
  if (schema.type === "string") return schema.format === "binary" ? "file" : "text";
  return schema.type ?? "anything";
}

/** The fields of an object: { name, schema, type, isRequired, about }. */
export function fields(given, document) {
  const schema = resolved(given, document);
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, each]) => ({
    name,
    schema: each,
    type: typeOf(each, document),
    isRequired: required.has(name),
    about: [each.description ?? "", bounds(each)].filter(Boolean).join(" "),
  }));
}

/** A body with the fields that are required, and those that have an example. */
export function example(schema, document) {
  const shown = fields(schema, document).filter(({ isRequired, schema: each }) => isRequired || each.examples);
  return Object.fromEntries(shown.map(({ name, schema: each }) => [name, valueOf(each, document)]));
}

function valueOf(given, document) {
  const schema = resolved(given, document);
  if (schema.examples) return schema.examples[0];
  if ("default" in schema) return schema.default;
  return { string: "", array: [], object: {}, number: 0, integer: 0, boolean: false }[schema.type] ?? null;
}

function bounds(schema) {
  const told = [];
  if (schema.minimum !== undefined) told.push(`${schema.minimum} or more`);
  if (schema.exclusiveMinimum !== undefined) told.push(`above ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) told.push(`${schema.maximum} at most`);
  if (schema.exclusiveMaximum !== undefined) told.push(`below ${schema.exclusiveMaximum}`);
  if (schema.default !== undefined && schema.default !== null) told.push(`by default ${JSON.stringify(schema.default)}`);
  const text = told.join(", ");
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
