// Reads configs, so that whoever wrote the YAML is told which field is wrong.

import { describe } from "./text.js";

export class ConfigError extends Error {
  name = "ConfigError";
}

export function fields(config, known) {
  if (config === null || typeof config !== "object" || Array.isArray(config)) {
    throw new ConfigError(`config: an object with ${Object.keys(known).join(", ")}, not ${Array.isArray(config) ? "a list" : describe(config)}`);
  }
  for (const name of Object.keys(config)) {
    if (!Object.hasOwn(known, name)) throw new ConfigError(`${name}: no such field, there are ${Object.keys(known).join(", ")}`);
  }
  return Object.fromEntries(Object.entries(known).map(([name, read]) => [name, within(name, read, config[name])]));
}

function within(name, read, value) {
  try {
    return read(value);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${name}: ${error.message}`) : error;
  }
}

const wanted = (what, value) => new ConfigError(value === undefined ? `missing; ${what}` : `${what}, not ${JSON.stringify(value)}`);
const reader = (what, accepts) => (byDefault) => (value) => {
  if (value === undefined && byDefault !== undefined) return byDefault;
  if (!accepts(value)) throw wanted(what, value);
  return value;
};

/** Readers of one field each: called with a default, or without one if the field must be there. */
fields.text = reader("a text", (value) => typeof value === "string");
fields.flag = reader("true or false", (value) => typeof value === "boolean");
fields.count = reader("a whole number from 1", (value) => Number.isSafeInteger(value) && value >= 1);
fields.list = (read, byDefault) => (value) => {
  if (value === undefined && byDefault !== undefined) return byDefault;
  if (!Array.isArray(value)) throw wanted("a list", value);
  return value.map((item, index) => within(`[${index}]`, read, item));
};
