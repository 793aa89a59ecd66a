// What a filter's author imports. The types, with all that is to be said of them, stand in index.d.ts.

export { Filter } from "./filter.js";
export { component } from "./component.js";
export { Admission, Reaction, Verdict } from "./answers.js";
export { ConfigError, fields } from "./config.js";
export { host, current, store, Breaker, Limiter } from "./host.js";
