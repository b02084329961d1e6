// Package teacher gives a run's agents a larger model behind an
// OpenAI-compatible endpoint.
//
// Two programs share it. The proxy ("worker teacher") runs in a pod of its own,
// which alone has the endpoint's key and alone may reach the endpoint. It takes
// nothing of a request but its messages: model, sampling, address and headers
// are those of the class. It bounds how many requests are under way and keeps
// the run's account. The client is an agent.Model in the worker container of a
// sandbox pod, which may reach the proxy and nothing else. Code in the sandbox
// can reach the proxy too; it can then ask the teacher within the budget, and no
// more.
//
// The budget is kept by reservation: before a request its upper bound is
// reserved, after it what the endpoint says was used is settled. Reserved and
// used together never exceed the budget, so no number of requests side by side
// does. A request that does not fit waits while others may still settle for
// less, and is refused when even what is used leaves no room. An answer whose
// usage stays unknown, because its stream was cut or its connection broke,
// counts with all that was reserved: the endpoint bills what it sent. The
// account is a file on the artifact volume, written before a request is sent
// and after it has ended; a proxy that starts anew goes on with it and counts
// what was under way in full.
//
// Retries are the client's: one try is one request at the endpoint. Overload,
// broken connections and answers that stop half-way are tried again with a
// growing, jittered pause, or the pause that the endpoint asks for.
package teacher
