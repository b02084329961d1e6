// Package guard stands before the model server of a serving pod.
//
// The algorithm: hash the model's files against the digest that was promoted;
// only then is /startupz 200 and the kubelet starts the engine's container. Ask
// the engine the probe questions of the evaluation; when enough answers agree
// with the recorded ones, the weights that were evaluated are those that answer,
// and /readyz turns 200. That is decided once: later rounds are only logged, so a
// rounding difference never takes a working endpoint down. From then on /readyz
// says whether the engine accepts connections.
//
// Requests are passed on for chat completions, completions and the list of
// models; nothing else of the engine's API is reachable. The model's name in a
// request is the expert's, alone or with the served commit; the engine's own name
// is put in its place, and the expert's in that of an answer that is not
// streamed.
package guard
