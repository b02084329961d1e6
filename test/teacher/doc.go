// Package teacher holds the stories of a teacher that is a real model: the demo's
// SmolLM2-135M behind `transformers serve`, asked by `worker experience --local`
// through the proxy, with and without faults between.
//
// The model is far too small to solve a task, and no story expects it to: they
// expect that what it uses is counted, that nothing that was made is lost, and
// that every end says what to do. They need the demo's Python packages, which
// `make test-teacher` installs.
package teacher
