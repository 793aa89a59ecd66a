// Package belaytest runs a filter in a fake host, as the proxy would, in ordinary unit tests:
//
//	func TestTheThirdRudeWordCloses(t *testing.T) {
//		bench := belaytest.Start(t, newMask, `{ "word": "darn", "strikes": 2 }`)
//		ann := bench.Connect(belaytest.To("/chat?name=ann"))
//		belaytest.Equal(t, ann.Says("darn it"), belay.Replace("*** it"))
//		belaytest.Equal(t, ann.Says("well"), belay.Continue{})
//	}
//
// The clock stands still until [Bench.Advance] moves it; limiters, breakers, timers, attributes, files and the store behave as the
// proxy's; what the filter did is there to be looked at. Benches share nothing, so tests may run in parallel.
package belaytest
