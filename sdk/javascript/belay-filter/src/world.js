// The world's imports as they are in a component. In tests, testing/world.js stands in for this file (package.json, "imports").

import host from "belay:filter/host@0.1.0";
import current from "belay:filter/current@0.1.0";
import limiter from "belay:filter/limiter@0.1.0";
import breaker from "belay:filter/breaker@0.1.0";
import store from "belay:filter/store@0.1.0";

export { host, current, limiter, breaker, store };
