// The one filter of the component.

import { Filter } from "./filter";

let filter: Filter | null = null;

/** Makes this the component's filter. Once, at the top level of the entry file. */
export function serve(made: Filter): void {
  filter = made;
}

export function served(): Filter {
  return filter!;
}
